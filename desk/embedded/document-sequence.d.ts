declare module 'mongodb/lib/cmap/commands.js' {
  /** What the driver sends instead of a list of documents: their bytes, behind the command (OP_MSG, a section of kind 1). */
  export class DocumentSequence {
    constructor(field: string);
    /** what is sent: the head of the section, then the documents */
    readonly chunks: readonly Uint8Array[];
    /** @param documents only shown to who watches commands */
    push(documents: object, bytes: Uint8Array): number;
  }
}
