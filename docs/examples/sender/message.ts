export interface Message {
  readonly user: number
  readonly text: string
}

/** One message for each user, made when it is asked for. In earnest they would come from a database, page by page. */
export function* messages(users: number): Generator<Message> {
  for (let user = 1; user <= users; user++) {
    yield { user, text: `Dear user ${user}, your statement for this month is ready. Sign in to read it.` }
  }
}

export const encode = ({ text, user }: Message): string => `${user} ${text}\n`

/** The user of an encoded message, without its newline. */
export const userOf = (line: string): number => Number(line.slice(0, line.indexOf(" ")))

export const acknowledgement = (user: number): string => `ok ${user}\n`
