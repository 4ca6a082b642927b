/** What a desk field can hold. */
export type Value = string | number | boolean | Date | null | Value[] | { [field: string]: Value };

/** Fields of a record, by desk field name. */
export type Fields = { [field: string]: Value };

/**
 * The canonical form of a value (D2): sorted keys, tagged types, times as epoch milliseconds, text as it is without
 * Unicode normalisation. Equal values have equal forms and different values different ones, since every text
 * carries its length. `undefined` fields count as absent.
 */
export function canonical(value: Value | undefined): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`;
    case 'number':
      return `d${Object.is(value, -0) ? 0 : value};`;
    case 'boolean':
      return value ? 't' : 'f';
    case 'object': {
      if (value === null) return 'n';
      if (value instanceof Date) return `m${value.getTime()};`;
      if (Array.isArray(value)) {
        let form = '[';
        for (const each of value) form += canonical(each);
        return `${form}]`;
      }
      let form = '{';
      for (const key of Object.keys(value).toSorted()) {
        const each = value[key];
        if (each !== undefined) form += `${key.length}:${key}${canonical(each)}`;
      }
      return `${form}}`;
    }
    default:
      throw new TypeError(`a ${typeof value} has no canonical form`);
  }
}
