export const bypassToken = "bypass-token-of-the-tests"
export const jwtSecret = "a-secret-of-the-tests-with-enough-characters"
