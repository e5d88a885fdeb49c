/** Files in memory as a gzipped tar, which every machine can open. */
import * as Effect from "effect/Effect"
import { createGzip } from "node:zlib"

export interface File {
  readonly name: string
  readonly text: string
}

/** For their owner only: what is in them is redacted, and still nobody else's business. */
const OWNER_ONLY = 0o600

/** All files below one folder, so that unpacking strews nothing about. `at` is in milliseconds since the epoch. */
export const archive = (folder: string, files: ReadonlyArray<File>, at: number): Effect.Effect<Buffer> =>
  Effect.promise(async () => {
    // Loaded here: all other commands start without it. CommonJS, of which only the default is sure to be there.
    const { default: tarStream } = await import("tar-stream")
    const tar = tarStream.pack()
    for (const { name, text } of files) {
      tar.entry({ name: `${folder}/${name}`, mode: OWNER_ONLY, mtime: new Date(at) }, text)
    }
    tar.finalize()
    return new Promise<Buffer>((resolve, reject) => {
      const chunks: Array<Buffer> = []
      const zipped = createGzip()
      zipped.on("data", (chunk: Buffer) => chunks.push(chunk))
      zipped.on("end", () => resolve(Buffer.concat(chunks)))
      zipped.on("error", reject)
      tar.pipe(zipped)
    })
  })
