// Types of values in BSON, of those that desk records hold.
export const DOUBLE = 1;
export const STRING = 2;
export const DOCUMENT = 3;
export const ARRAY = 4;
export const BOOLEAN = 8;
export const DATE = 9;
export const NULL = 10;
export const INT32 = 16;
