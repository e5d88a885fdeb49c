/*
 * The loop as SPIN can check it: a source of truth that changes, nudges that may be lost, a resync, the desired state with its
 * evidence, the queue, workers that open and close stores, a removal guard, and crashes. README.md says which file of src each
 * part stands for; `npm run model` checks every law, and that each law is lost when what protects it is taken out (-D...).
 */

#ifndef K
#define K 2                 /* workspaces */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef CHANGES
#define CHANGES 2           /* creations and deletions */
#endif
#ifndef FAILURES
#define FAILURES 1          /* refreshes that fail, and say so */
#endif
#ifndef LIES
#define LIES 1              /* well-formed lists that lack what exists; ENDLESS: any number */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DEATHS
#define DEATHS 1            /* stores that die while they are open */
#endif
#ifndef OPEN_FAILURES
#define OPEN_FAILURES 1
#endif
#ifndef LIMIT
#define LIMIT 1             /* removals that pass the guard together */
#endif
#define ENDLESS 255
#define NOBODY 254
#ifndef FIRST
#define FIRST 0             /* the workspaces from here on may be created and deleted */
#endif
#ifndef STUBBORN
#define STUBBORN NOBODY     /* the workspace whose store hangs whenever it is opened */
#endif
#ifndef CONFIRMATIONS
#define CONFIRMATIONS 2
#endif

/* What the desired state says of a workspace. */
#define UNKNOWN 0
#define PRESENT 1
#define MISSING 2           /* from one complete list */
#define PROVEN  3           /* from CONFIRMATIONS complete lists */
#define DELETED 4           /* the changes feed says so */

/* What a worker is to do. */
#define NOTHING 0
#define OPEN    1
#define STOP    2

/* The world. */
bool exists[K];
byte changes = CHANGES, failures = FAILURES, lies = LIES, crashes = CRASHES, deaths = DEATHS, openFailures = OPEN_FAILURES;
bool sourceDown;

/* The server's memory. */
byte known[K];
bool hook[K];               /* a webhook that has arrived and is not yet answered */
chan ready = [K + 1] of { byte };
bool queued[K];             /* ready, or dirty while it is in a hand */
bool waits[K];              /* in backoff */
byte hands[K];
byte held[K];               /* scopes of its store that are open */
bool opened[K];             /* StoreManager has it */
bool alive[K];
bool removing[K];           /* its removal has begun and not yet happened */
bool stopping, down;

/* What the server has on disk. */
byte saved[K];
byte recent;                /* removals that nobody has approved; the window never ends here */
bool approved[K];

/* Processes that a crash has ended: they begin anew. */
bool killed[WORKERS + 1];

/* Ghosts: what the laws speak of, and no part of the server knows. */
bool owed[K];               /* it was added and not taken since */
bool gone[K];               /* it has not existed without a break since it was last listed and saved */
bool goneSinceRead[K];
bool accepted[K];           /* it was listed, saved, and not stopped since */
bool wrong;                 /* one was stopped that has always existed */
byte wrongs;
bool against;               /* one was stopped while the guard held it */
bool twice;                 /* a store was opened twice, or released twice */
bool revived;               /* the server has been started again */

#define monitored(k) (opened[k] && alive[k])
#define believed(k)  (known[k] == PRESENT || known[k] == MISSING)
#define isDue(k)     ((known[k] == PROVEN || known[k] == DELETED) && !approved[k])

#if K == 2
#define ALL(p) (p(0) && p(1))
#define COUNT(p) (p(0) + p(1))
#else
#define ALL(p) (p(0) && p(1) && p(2))
#define COUNT(p) (p(0) + p(1) + p(2))
#endif

#define isKnown(k)       (known[k] != UNKNOWN)
#ifdef UNCOUNTED
#define counts(k)        (isDue(k))
#else
#define counts(k)        (isDue(k) || removing[k])
#endif
#define isHooked(k)      (hook[k])
#define isWaiting(k)     (waits[k])
#define isMonitored(k)   (monitored(k))
#define isInHand(k)      (hands[k] > 0)
#define isIdle(k)        (!queued[k] && hands[k] == 0)
#define isUnexplained(k) (known[k] == PROVEN && !approved[k])
#define isDueRightly(k)  (!isDue(k) || !exists[k])

/* RemovalGuard.judge: all that are due together, and what has begun, never one by one. */
#define tripped ((COUNT(isDue) > 0 && COUNT(counts) + recent > LIMIT) || (COUNT(isDue) >= COUNT(isKnown) && COUNT(isUnexplained) > 0))
#ifdef NO_GUARD
#define holds(k) false
#else
#ifdef JUDGE_ALONE
#define holds(k) (isDue(k) && 1 + recent > LIMIT)
#else
#define holds(k) (isDue(k) && tripped)
#endif
#endif

/* WorkQueue: `enqueue` is QueueCore.add, and `finish` is done. */
inline enqueue(k) {
  if
  :: queued[k] || stopping -> skip
  :: else ->
     waits[k] = false;
#ifdef NO_DIRTY
     if
     :: hands[k] > 0 -> skip
     :: else -> queued[k] = true; ready!k
     fi
#else
     queued[k] = true;
     if
#ifndef NO_EXCLUSION
     :: hands[k] > 0 -> skip        /* dirty: `finish` makes it ready */
#endif
     :: else -> ready!k
     fi
#endif
  fi
}

/* Somebody asks for it. */
inline add(k) {
  if
  :: stopping -> skip
  :: else -> owed[k] = true; enqueue(k)
  fi
}

inline finish(k) {
  hands[k] = hands[k] - 1;
  if
#ifndef NO_EXCLUSION
  :: queued[k] -> ready!k           /* asked for meanwhile: at once, failed or not */
#endif
  :: !queued[k] && failed && !stopping -> waits[k] = true
  :: else -> skip
  fi;
  failed = false; what = NOTHING; k = 0
}

inline acquire(k) {
  held[k] = held[k] + 1;
  twice = twice || held[k] > 1
}

inline release(k) {
  twice = twice || held[k] == 0;
  held[k] = (held[k] > 0 -> held[k] - 1 : 0);
  opened[k] = false;
  alive[k] = false
}

/* The source of truth, and the webhooks that tell of it, or get lost. */
proctype Truth() {
  byte k;
  do
  :: atomic {
       changes > 0 ->
       changes--;
       select (k : FIRST .. K - 1);
       exists[k] = !exists[k];
       if
       :: !exists[k] -> gone[k] = true; goneSinceRead[k] = true
       :: else -> skip
       fi;
       if
       :: hook[k] = true
#ifndef NO_LOSS
       :: skip
#endif
       fi;
       k = 0
     }
  :: changes == 0 -> break
  od
}

/* WorkspaceReconciler and DesiredState: one refresh at a time, for a resync or for nudges. */
proctype Reconciler() {
  byte k;
  bool isResync, isFeed, isRead;
  bool listed[K], asked[K], touched[K];

again:
  {
    do
    :: atomic {
#ifdef NO_RESYNC
         COUNT(isHooked) > 0 ->
#else
         true ->
#endif
         isResync = true;
         /* Who nudges from here on is answered by the next refresh. */
         for (k : 0 .. K - 1) {
           asked[k] = hook[k];
           isResync = isResync && !hook[k];
           hook[k] = false;
           goneSinceRead[k] = false
         };
         isFeed = false;
         isRead = true;
         if
         :: sourceDown -> isRead = false
         :: !sourceDown && failures > 0 -> failures--; isRead = false
#ifdef STEADY_LIE
         :: !sourceDown ->
            for (k : 0 .. K - 1) { listed[k] = exists[k] && k >= 2 }
#else
         :: !sourceDown ->
            for (k : 0 .. K - 1) { listed[k] = exists[k] }
         :: !sourceDown && lies > 0 ->
            lies = (lies == ENDLESS -> ENDLESS : lies - 1);
            for (k : 0 .. K - 1) {
              if
              :: k < 2 -> listed[k] = false
              :: listed[k] = exists[k]
              fi
            }
#endif
#ifdef FEED
         :: !sourceDown && !isResync ->
            isFeed = true;
            for (k : 0 .. K - 1) { listed[k] = exists[k] }
#endif
         fi;
#ifdef FAILED_IS_EMPTY
         if
         :: !isRead ->
            isRead = true;
            for (k : 0 .. K - 1) { listed[k] = false }
         :: else -> skip
         fi;
#endif
         k = 0
       };

       if
       :: isRead ->
          atomic {
            for (k : 0 .. K - 1) {
              if
              :: listed[k] -> touched[k] = known[k] != PRESENT; known[k] = PRESENT; approved[k] = false
              :: !listed[k] && known[k] == UNKNOWN -> skip
              :: !listed[k] && isFeed && known[k] != UNKNOWN -> touched[k] = known[k] != DELETED; known[k] = DELETED
#ifdef FORGET_ABSENT
              :: !listed[k] && !isFeed && known[k] != UNKNOWN -> touched[k] = true; known[k] = UNKNOWN
#else
              :: !listed[k] && !isFeed && known[k] == PRESENT ->
                 touched[k] = true;
                 known[k] = (CONFIRMATIONS == 1 -> PROVEN : MISSING)
              :: !listed[k] && !isFeed && known[k] == MISSING -> touched[k] = true; known[k] = PROVEN
              :: !listed[k] && !isFeed && known[k] > MISSING -> skip
#endif
              fi
            };
            k = 0
          }
       :: else -> skip
       fi;

       atomic {
         for (k : 0 .. K - 1) {
           if
           :: isRead ->
              saved[k] = known[k];
              if
              :: known[k] == PRESENT -> gone[k] = goneSinceRead[k]; accepted[k] = true
              :: else -> skip
              fi
           :: else -> skip
           fi;
           if
           :: isRead && asked[k] -> add(k)
           :: isRead && touched[k] && !asked[k] -> enqueue(k)
           :: else -> skip
           fi;
           /* lookAtAll: what drifts, unless it is in backoff, or the guard holds it. */
           if
           :: isResync && !waits[k] && !(monitored(k) && holds(k)) && (monitored(k) != (known[k] == PRESENT)) && !(known[k] == UNKNOWN && !opened[k]) -> enqueue(k)
           :: else -> skip
           fi;
           asked[k] = false;
           touched[k] = false;
           listed[k] = false
         };
         k = 0; isRead = false; isFeed = false; isResync = false
       }
    od
  } unless {
    atomic {
      killed[WORKERS] ->
      killed[WORKERS] = false;
      for (k : 0 .. K - 1) { asked[k] = false; touched[k] = false; listed[k] = false };
      k = 0; isRead = false; isFeed = false; isResync = false
    };
    goto again
  }
}

/* Controller and WorkspaceController: takes a key, decides afresh, and does it; whatever happens, gives the key back. */
proctype Worker(byte me) {
  byte k, what;
  bool failed;

again:
  {
    do
    :: atomic {
         !stopping && nempty(ready) ->
         ready?k;
         queued[k] = false;
         hands[k] = hands[k] + 1;
         owed[k] = false
       };

       /* decide: pure, from what is desired and observed now. */
       atomic {
         if
#ifdef GUARD_HOLDS_ALL
         :: tripped -> what = NOTHING
         :: !tripped && (believed(k) || (isKnown(k) && holds(k))) ->
#else
         :: believed(k) || (isKnown(k) && holds(k)) ->
#endif
            what = (monitored(k) -> NOTHING : OPEN)
         :: isKnown(k) && !believed(k) && !holds(k) ->
            what = STOP;
            removing[k] = !approved[k];
            against = against || (isDue(k) && tripped);
            if
            :: !gone[k] -> wrong = true; wrongs = (wrongs < 3 -> wrongs + 1 : 3)
            :: else -> skip
            fi
         :: else -> what = NOTHING
         fi
       };

       if
       :: what == NOTHING -> atomic { finish(k) }
       :: what == OPEN ->
          /* A dead store's scope is closed before it is opened afresh. */
          atomic {
            if
            :: opened[k] -> release(k)
            :: else -> skip
            fi;
            acquire(k)
          };
          /* It opens, fails, or is interrupted; a store that hangs is given up after a while. */
          atomic {
            if
            :: k != STUBBORN -> opened[k] = true; alive[k] = true
            :: k != STUBBORN && openFailures > 0 -> openFailures--; failed = true
            :: stopping -> failed = true
#ifndef NO_TIMEOUT
            :: k == STUBBORN -> failed = true
#endif
            fi;
#ifndef LEAK
            if
            :: failed -> release(k)
            :: else -> skip
            fi;
#endif
            finish(k)
          }
       :: what == STOP ->
          atomic {
            if
            :: opened[k] -> release(k)
            :: else -> skip
            fi
          };
          /* In this order: a crash in between repeats it. What has come back meanwhile is not forgotten. */
          atomic {
            recent = (approved[k] || recent == 3 -> recent : recent + 1);
            removing[k] = false;
            approved[k] = false;
            if
            :: isKnown(k) && !believed(k) ->
               accepted[k] = false;
               known[k] = UNKNOWN;
               saved[k] = UNKNOWN
            :: else -> skip
            fi;
            finish(k)
          }
       fi
    od
  } unless {
    atomic { killed[me] -> killed[me] = false; failed = false; what = NOTHING; k = 0 };
    goto again
  }
}

/* Time goes on, even when nothing else does: no run is finite. (SPIN refuses a loop whose condition is a constant.) */
proctype Time() {
  do
  :: changes < ENDLESS
  od
}

/* Backoff ends. */
proctype Timer() {
  byte k;
  do
  :: atomic {
       COUNT(isWaiting) > 0 ->
       for (k : 0 .. K - 1) {
         if
         :: waits[k] -> enqueue(k)
         :: else -> skip
         fi
       };
       k = 0
     }
  od
}

/* A store dies while it is open: StoreManager hears of it, and its key re-enters the queue. */
proctype Death() {
  byte k;
  do
  :: atomic {
       deaths > 0 && COUNT(isMonitored) > 0 ->
       deaths--;
       select (k : 0 .. K - 1);
       if
       :: monitored(k) ->
          alive[k] = false;
#ifndef NO_DEATH_SIGNAL
          enqueue(k)
#else
          skip
#endif
       :: else -> skip
       fi;
       k = 0
     }
  :: deaths == 0 -> break
  od
}

/* Somebody who looks at the held plan, and approves exactly it, once all of it is really gone. */
proctype Human() {
  byte k;
  do
  :: atomic {
       tripped && ALL(isDueRightly) && !stopping ->
       for (k : 0 .. K - 1) {
         if
         :: isDue(k) -> approved[k] = true; add(k)
         :: else -> skip
         fi
       };
       k = 0
     }
  od
}

/* The process ends at any moment and is started again: what is on disk stays. */
proctype Crash() {
  byte k;
  do
  :: atomic {
       crashes > 0 && !stopping ->
       crashes--;
       do
       :: nempty(ready) -> ready?k
       :: empty(ready) -> break
       od;
       for (k : 0 .. K - 1) {
         held[k] = 0; opened[k] = false; alive[k] = false; removing[k] = false; hands[k] = 0; owed[k] = false;
         queued[k] = false; waits[k] = false; hook[k] = false;
#ifdef NO_SNAPSHOT
         known[k] = UNKNOWN;
#else
         known[k] = saved[k];
#endif
         if
         :: isKnown(k) -> enqueue(k)
         :: else -> skip
         fi
       };
       for (k : 0 .. WORKERS) { killed[k] = true };
#ifdef DOWN_AFTER_CRASH
       sourceDown = true;
#endif
       revived = true;
       k = 0
     }
  :: crashes == 0 -> break
  od
}

/* SIGTERM: nothing more is taken, what runs ends, and every store is closed. */
proctype Shutdown() {
  byte k;
#ifdef SHUTDOWN
  atomic { stopping = true };
  atomic {
    COUNT(isInHand) == 0 ->
    for (k : 0 .. K - 1) {
      if
      :: opened[k] -> release(k)
      :: else -> skip
      fi
    };
    k = 0;
    down = true
  }
#endif
}

init {
  byte k;
  atomic {
    for (k : 0 .. 1) {
      exists[k] = true; known[k] = PRESENT; saved[k] = PRESENT; accepted[k] = true; held[k] = 1; opened[k] = true; alive[k] = true
    };
    k = 0;
    run Time(); run Truth(); run Reconciler(); run Timer(); run Death(); run Human(); run Crash(); run Shutdown();
    for (k : 0 .. WORKERS - 1) { run Worker(k) };
    k = 0
  }
}

/* The laws. */

#define inOneHand(k)   (hands[k] <= 1)
#define isRight(k)     (monitored(k) == exists[k])
#define isClosed(k)    (held[k] == 0)
#define staysOrGoes(k) (!accepted[k] || monitored(k))

/* One key, one hand. */
ltl law2 { [] ALL(inOneHand) }
/* No nudge is lost: who was added is taken, and afresh. */
ltl law3 { ([] (owed[0] -> <> !owed[0])) && ([] (owed[1] -> <> !owed[1])) }
/* A failing workspace never delays a healthy one. */
ltl law4 { <> [] isRight(1) }
/* A list that is not proven complete removes nothing. */
ltl law5 { [] !wrong }
/* A removal needs evidence. */
ltl law6 { [] !wrong }
/* A tripped guard removes nothing, and what slips through is bounded ... */
ltl law7 { [] (!against && wrongs <= LIMIT) }
/* ... and adds go on. */
ltl law7adds { [] (exists[K - 1] -> <> (monitored(K - 1) || !exists[K - 1])) }
/* What is acquired is released exactly once. */
ltl law8 { [] (!twice && (down -> ALL(isClosed))) }
/* A store that died re-enters the queue by itself. */
ltl law9 { <> [] ALL(isRight) }
/* Once faults stop, the set converges, and then nothing happens any more. */
ltl law11 { <> [] (ALL(isRight) && ALL(isIdle)) }
/* Known until stopped: what an earlier life knew is monitored again, whatever the source says or does not say. */
ltl law12 { [] (revived -> <> [] ALL(staysOrGoes)) }
