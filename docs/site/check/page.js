/** A tab that notes everything which goes wrong in it. */

/** Waits for so many frames of the page. */
export const frames = (page, count) =>
  page.evaluate((count) =>
    new Promise((resolve) => {
      const next = (left) => left === 0 ? resolve() : requestAnimationFrame(() => next(left - 1))
      next(count)
    }), count)

/** `troubles` grows: errors of scripts and in the console, responses of 400 and above, requests to elsewhere. */
export const open = async (context, origin) => {
  const page = await context.newPage()
  const troubles = []
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`))
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      troubles.push(`console ${message.type()}: ${message.text()}`)
    }
  })
  page.on("response", (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()}: ${response.url()}`)
  })
  page.on("request", (request) => {
    const url = request.url()
    const isOwn = url.startsWith(`${origin}/`) || /^(?:data|blob|about):/.test(url)
    if (!isOwn) troubles.push(`request to elsewhere: ${url}`)
  })
  return { page, troubles, take: () => troubles.splice(0) }
}
