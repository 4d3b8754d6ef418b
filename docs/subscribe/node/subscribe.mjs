// Print enriched incidents. Needs: npm ci
import { readFileSync } from "node:fs";
import { Consumer, MessagesStreamModes, MessagesStreamFallbackModes } from "@platformatic/kafka";
import avro from "avsc";

const topic = process.env.TOPIC ?? "firebreak.incidents.enriched.v1";
const schemas = JSON.parse(readFileSync(new URL("schemas.json", import.meta.url)));
const types = {};

const consumer = new Consumer({
  clientId: "subscriber",
  groupId: process.env.GROUP,
  bootstrapBrokers: process.env.BROKERS.split(","),
  isolationLevel: 1, // read committed
  // what your operator gave you, for example: tls: { ca }, sasl: { mechanism: "SCRAM-SHA-512", username, password }
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.COMMITTED,
  fallbackMode: MessagesStreamFallbackModes.EARLIEST,
  autocommit: true,
});
const seen = new Set();
for await (const message of stream) {
  if (message.value === null) continue;
  const number = message.value.readUInt32BE(1);
  types[number] ??= avro.Type.forSchema(schemas[number]);
  const record = types[number].fromBuffer(message.value.subarray(5));
  const event = message.headers.get("ce_id") ?? [...message.headers].find(([key]) => `${key}` === "ce_id")?.[1];
  if (seen.has(`${event}`)) continue; // a repeat: the id is the same in every attempt
  seen.add(`${event}`);
  if (record.change !== "HEARTBEAT") console.log(JSON.stringify(record)); // heartbeats prove that the line is alive
}
