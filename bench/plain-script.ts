// What the import is measured against: the script somebody writes in an afternoon. No validation, no references, no ledger,
// no way back; it reads the same files and writes to the same server.
//     node bench/plain-script.ts <mongodb://...> <database> <file.csv> ...
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { type AnyBulkWriteOperation, MongoClient } from 'mongodb';

interface Row {
  _id: string;
  [column: string]: string;
}

const [uri = '', database = '', ...files] = process.argv.slice(2);
const client = await MongoClient.connect(uri);
const records = client.db(database).collection<Row>('records');
const seconds: number[] = [];
for (const file of files) {
  const begun = performance.now();
  let operations: AnyBulkWriteOperation<Row>[] = [];
  const rows = createReadStream(file).pipe(parse({ columns: true, bom: true }));
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    const id = row[Object.keys(row)[0] ?? ''] ?? '';
    operations.push({ updateOne: { filter: { _id: id }, update: { $set: row }, upsert: true } });
    if (operations.length === 1_000) {
      await records.bulkWrite(operations, { ordered: false });
      operations = [];
    }
  }
  if (operations.length > 0) await records.bulkWrite(operations, { ordered: false });
  seconds.push((performance.now() - begun) / 1_000);
}
await client.close();
const { user, system } = process.cpuUsage();
process.stdout.write(`${JSON.stringify({ seconds, processor: (user + system) / 1_000_000 })}\n`);
