// A waybill client in Node. docs/clients.md says how to generate the descriptor set that it loads.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

/** Opens a client; `descriptors` is what `protoc --descriptor_set_out` wrote. */
export function connect(address, descriptors) {
  const set = loader.loadFileDescriptorSetFromBuffer(readFileSync(descriptors), options);
  const { TrackingService } = grpc.loadPackageDefinition(set).waybill.v1;
  // Keepalive notices a dead peer; a Follow stream has no deadline that would.
  return new TrackingService(address, grpc.credentials.createInsecure(), { "grpc.keepalive_time_ms": 30_000 });
}

/** The messages of a stream; a reader that stops early ends the call. */
async function* messages(call) {
  try {
    yield* call;
  } finally {
    call.on("error", () => {}); // says that it was cancelled
    call.cancel();
  }
}

const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });

/** The records of a number. `carrier` is its id, if known; `fresh` asks the carrier now. */
export async function track(client, number, { carrier = "", fresh = false } = {}) {
  const request = { tracking_number: number, carrier, max_age: fresh ? { seconds: 0 } : undefined };
  return new Promise((resolve, reject) => {
    client.Track(request, within(5), (error, answer) => (error ? reject(error) : resolve(answer.shipments)));
  });
}

/** Yields { number, result } as results become known; a result has a response or an error. */
export async function* batch(client, numbers) {
  const items = numbers.map((number) => ({ tracking_number: number }));
  for await (const { summary, result } of messages(client.BatchTrack({ items }, within(60)))) {
    if (summary) return;
    yield { number: numbers[result.index], result };
  }
  throw new Error("the batch was cut short: ask again for the numbers that are missing");
}

/**
 * Yields { update }, { reset } and { rejected }, for ever. `place` has a token and what is held, to
 * be stored in one transaction with what an update changed: whoever comes back with it, on any
 * server, misses nothing and sees nothing twice.
 */
export async function* follow(client, numbers, place = { token: Buffer.alloc(0), held: new Map() }) {
  const shipments = numbers.map((number) => ({ tracking_number: number }));
  for (;;) {
    let delay = 1000;
    const open = { shipments: { shipments }, resume_token: place.token };
    try {
      for await (const message of messages(client.Follow({ open }))) {
        let step;
        if (message.kind === "update") {
          const { change, shipment } = message.update;
          if (change === "WATCH_CHANGE_OVERLAY") {
            step = { update: message.update }; // what you added yourself; there is no record in it
          } else if (change === "WATCH_CHANGE_REMOVED") {
            place.held.delete(shipment.id); // nothing more comes of it, and all but its id is empty
            step = { update: message.update };
          } else if (newer(shipment.revision, place.held.get(shipment.id) ?? 0)) {
            place.held.set(shipment.id, shipment.revision);
            step = { update: message.update };
          }
        } else if (message.kind === "reset") {
          place.held.clear(); // a snapshot follows
          place.token = Buffer.alloc(0);
          step = { reset: message.reset };
        } else if (message.kind === "rejected") {
          step = { rejected: message.rejected };
        } else if (message.kind === "going_away") {
          delay = milliseconds(message.going_away.reconnect_delay) || delay;
        }
        if (message.resume_token.length > 0) place.token = message.resume_token;
        if (step) yield step;
      }
    } catch (error) {
      if (![grpc.status.UNAVAILABLE, grpc.status.UNKNOWN].includes(error.code)) throw error;
    }
    await pause(delay);
  }
}

/** Whether a revision is newer than the held one of the same shipment. They are numbers: 9 < 10. */
export const newer = (revision, held) => Number(revision) > Number(held);

const milliseconds = (duration) => (duration ? Number(duration.seconds) * 1000 + (duration.nanos ?? 0) / 1e6 : 0);

/** An EventTime for people. Without an instant it is a wall clock of a place, never UTC. */
export function when({ instant, local_time, utc_offset }) {
  if (!utc_offset) return `${local_time} (zone unknown)`;
  if (!instant) return local_time; // a day, in a zone that is known
  const minutes = Math.trunc(Number(utc_offset.seconds) / 60);
  const two = (number) => String(Math.trunc(Math.abs(number))).padStart(2, "0");
  const clock = new Date((Number(instant.seconds) + Number(utc_offset.seconds)) * 1000).toISOString().slice(0, 19);
  return `${clock}${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

// The part of google/rpc/status.proto and error_details.proto that is read here.
const rpc = protobuf.parse(`syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }`, { keepCase: true }).root.lookup("google.rpc");

/** Reason and milliseconds to wait of a failed call from its google.rpc details; null: do not retry. */
export function failure(error) {
  const found = { reason: null, wait: null };
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  for (const { type_url, value } of bytes ? rpc.Status.decode(bytes).details : []) {
    const type = type_url.split("/").pop();
    if (type === "google.rpc.ErrorInfo") found.reason = rpc.ErrorInfo.decode(value).reason;
    if (type === "google.rpc.RetryInfo") found.wait = milliseconds(rpc.RetryInfo.decode(value).retry_delay);
  }
  return found;
}

/** The same from the plain trailers, without google.rpc. */
export function failureFromTrailers(error) {
  const [reason = null] = error.metadata.get("waybill-reason");
  const [millis] = error.metadata.get("waybill-retry-ms");
  return { reason, wait: millis === undefined ? null : Number(millis) };
}

/** Names of the services that the gateway tells by reflection. */
export async function services(address) {
  const proto = createRequire(import.meta.url).resolve("@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto");
  const { ServerReflection } = grpc.loadPackageDefinition(loader.loadSync(proto, options)).grpc.reflection.v1;
  const client = new ServerReflection(address, grpc.credentials.createInsecure());
  const call = client.ServerReflectionInfo();
  call.end({ list_services: "" });
  for await (const { list_services_response: list } of messages(call)) {
    client.close();
    return list.service.map(({ name }) => name).sort();
  }
}

function show(record) {
  console.log(record.tracking_number, record.status, `revision ${record.revision}`);
  for (const event of record.events) {
    console.log(`  ${when(event.time)}  ${event.code}  ${event.location?.locality ?? ""}`);
  }
}

async function main(address, descriptors, command, ...numbers) {
  if (command === "services") return console.log((await services(address)).join("\n"));
  const client = connect(address, descriptors);
  if (command === "track") (await track(client, numbers[0])).forEach(show);
  if (command === "batch") {
    for await (const { number, result } of batch(client, numbers)) {
      console.log(number, result.error?.message ?? `${result.response.shipments.length} record(s)`);
    }
  }
  if (command === "follow") {
    for await (const { update, rejected } of follow(client, numbers)) {
      update ? show(update.shipment) : console.log("rejected:", rejected.error.message);
    }
  }
  client.close();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(...process.argv.slice(2)).catch((error) => {
    const { reason, wait } = error.metadata ? failure(error) : {};
    console.error(`${error.message} ${reason ?? ""}${wait ? ` (try again in ${wait} ms)` : ""}`);
    process.exitCode = 1;
  });
}
