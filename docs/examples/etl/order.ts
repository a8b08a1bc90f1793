import * as Result from "effect/Result"

export const header = ["id", "date", "customer", "email", "product", "quantity", "price", "note"]

export interface Order {
  readonly id: number
  readonly date: string
  readonly customer: string
  readonly email: string
  readonly product: string
  readonly quantity: number
  /** In cents. */
  readonly price: number
  readonly note: string
}

/** Makes an order of a row's fields, or says what is wrong with them. */
export const toOrder = (fields: ReadonlyArray<string>): Result.Result<Order, string> => {
  if (fields.length !== header.length) return Result.fail(`${fields.length} fields instead of ${header.length}`)
  const [id, date, customer, email, product, quantity, price, note] = fields as [
    ...[string, string, string, string],
    ...[string, string, string, string]
  ]
  if (!isInteger(id, Number.MAX_SAFE_INTEGER)) return bad("id", id)
  if (!isDate(date)) return bad("date", date)
  if (customer === "") return bad("customer", customer)
  if (!/^[^@\s]+@[^@\s]+$/.test(email)) return bad("email", email)
  if (product === "") return bad("product", product)
  if (!isInteger(quantity, 10_000)) return bad("quantity", quantity)
  if (!/^\d{1,9}\.\d\d$/.test(price)) return bad("price", price)
  return Result.succeed({
    id: Number(id),
    date,
    customer,
    email,
    product,
    quantity: Number(quantity),
    price: Number(price.replace(".", "")),
    note
  })
}

const isInteger = (text: string, most: number): boolean =>
  /^\d{1,16}$/.test(text) && Number(text) >= 1 && Number(text) <= most

const isDate = (text: string): boolean => {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)?.map(Number) ?? []
  return month! >= 1 && month! <= 12 && day! >= 1 && day! <= new Date(Date.UTC(year!, month, 0)).getUTCDate()
}

const bad = (field: string, text: string): Result.Result<never, string> =>
  Result.fail(`bad ${field}: ${JSON.stringify(text.slice(0, 60))}`)
