/** Undefined if the promise is late. */
export const within = async <A>(promise: Promise<A>, millis: number): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined = undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, millis, undefined)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
