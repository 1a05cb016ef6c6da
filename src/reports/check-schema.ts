/**
 * Whether a value read from outside has the shape that the shipped JSON Schema gives it. It knows the part of JSON Schema that
 * our schema uses; a test compares it with a complete implementation.
 */
import { isJsonObject, quoteText } from '../core/json.js'

/** The keywords that the schema uses. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly allOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly discriminator?: { readonly propertyName: string }
  readonly $defs?: Readonly<Record<string, Schema>>
}

/** A sentence about the first place that does not fit, or undefined. */
export function checkSchema(value: unknown, schema: Schema, root: Schema, path = ''): string | undefined {
  const at = path === '' ? 'the report' : path
  if (schema.$ref !== undefined) return checkSchema(value, definition(schema.$ref, root), root, path)
  if (schema.type !== undefined && ![schema.type].flat().some((type) => isType(value, type)))
    return `${at} must be ${[schema.type].flat().join(' or ')}`
  if (schema.const !== undefined && value !== schema.const)
    return `${at} must be ${JSON.stringify(schema.const)}, not ${shown(value)}`
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return `${at} is ${shown(value)}, which is none of the values allowed there`
  if (typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
    return `${at} is ${shown(value)}, which is no UTC time`
  if (typeof value === 'number' && schema.minimum !== undefined && value < schema.minimum)
    return `${at} must not be below ${schema.minimum}`
  return checkParts(value, schema, root, path)
}

function checkParts(value: unknown, schema: Schema, root: Schema, path: string): string | undefined {
  for (const part of schema.allOf ?? []) {
    const reason = checkSchema(value, part, root, path)
    if (reason !== undefined) return reason
  }
  if (Array.isArray(value)) return schema.items === undefined ? undefined : checkItems(value, schema.items, root, path)
  if (!isJsonObject(value)) return undefined
  const missing = schema.required?.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) return `${path === '' ? 'the report' : path} has no ${missing}`
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const reason = Object.hasOwn(value, name)
      ? checkSchema(value[name], property, root, path === '' ? name : `${path}.${name}`)
      : undefined
    if (reason !== undefined) return reason
  }
  const { discriminator } = schema
  if (discriminator === undefined) return undefined
  const tag = value[discriminator.propertyName]
  const wanted = schema.oneOf?.find(({ $ref = '' }) => $ref === `#/$defs/${String(tag)}`)
  if (wanted === undefined) return `${path}.${discriminator.propertyName} is ${shown(tag)}, which is not known`
  return checkSchema(value, wanted, root, path)
}

function checkItems(values: readonly unknown[], schema: Schema, root: Schema, path: string): string | undefined {
  for (const [i, value] of values.entries()) {
    const reason = checkSchema(value, schema, root, `${path}[${i}]`)
    if (reason !== undefined) return reason
  }
  return undefined
}

function definition(ref: string, root: Schema): Schema {
  const found = root.$defs?.[ref.replace('#/$defs/', '')]
  if (found === undefined) throw new Error(`the schema has no ${ref}`)
  return found
}

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isJsonObject(value)
    case 'integer':
      return Number.isSafeInteger(value)
    default:
      return typeof value === type
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? quoteText(value) : (JSON.stringify(value)?.slice(0, 100) ?? 'nothing')
}
