// Checks the Node client against a running gateway.
//
// Started by tests/clients.rs, which makes the world change: `test.mjs ADDRESS DESCRIPTORS PHASE FACTS`,
// where FACTS is a JSON object. A line "following" on the standard output asks for the followed parcel
// to move.

import assert from "node:assert/strict";
import grpc from "@grpc/grpc-js";
import * as waybill from "./client.mjs";

async function tracks(client, number) {
  const [record, ...more] = await waybill.track(client, number, { fresh: true });
  assert.equal(more.length, 0);
  assert.equal(record.tracking_number, number);
  assert.ok(record.terminal && record.events.length > 0);
  for (const { time } of record.events) {
    const shown = waybill.when(time);
    assert.equal(Date.parse(shown) / 1000, Number(time.instant.seconds), "the very instant");
    assert.ok(shown.startsWith(time.local_time), "on the clock of the place");
  }
}

async function batches(client, good, zoneless) {
  const numbers = [good, "!", zoneless, good];
  const indexes = [];
  for await (const { number, result } of waybill.batch(client, numbers)) {
    indexes.push(result.index);
    assert.equal(number, numbers[result.index]);
    if (number === "!") {
      assert.equal(result.error.reason, "ERROR_REASON_TRACKING_NUMBER_INVALID");
      assert.equal(result.error.retry_delay, null);
    } else {
      assert.equal(result.response.shipments[0].tracking_number, number);
    }
  }
  assert.deepEqual(indexes.sort(), [0, 1, 2, 3]);
}

async function follows(client, moving) {
  const place = { token: Buffer.alloc(0), held: new Map() };
  const stream = waybill.follow(client, [moving, "!"], place);
  const next = async () => (await stream.next()).value;
  const first = Object.assign(await next(), await next());
  assert.equal(first.rejected.error.reason, "ERROR_REASON_TRACKING_NUMBER_INVALID");
  const before = first.update.shipment;
  console.log("following");
  const { update } = await next();
  assert.equal(update.change, "WATCH_CHANGE_UPDATED");
  assert.equal(update.shipment.id, before.id);
  assert.ok(waybill.newer(update.shipment.revision, before.revision));
  const events = new Set(update.shipment.events.map(({ id }) => id));
  assert.ok(update.new_event_ids.length > 0 && update.new_event_ids.every((id) => events.has(id)));
  await stream.return();
  // Another process goes on where this one stopped: no snapshot, nothing twice.
  const held = place.held.get(before.id);
  assert.ok(place.token.length > 0 && held === update.shipment.revision);
  const again = waybill.follow(client, [moving, "!"], place);
  assert.ok((await again.next()).value.rejected);
  console.log("following");
  const news = (await again.next()).value.update;
  assert.equal(news.change, "WATCH_CHANGE_UPDATED");
  assert.equal(news.previous_revision, held);
  await again.return();
}

async function showsATimeWithoutAZone(client, zoneless) {
  const [record] = await waybill.track(client, zoneless);
  assert.ok(record.events.length > 0);
  for (const { time } of record.events) {
    assert.equal(time.instant, null);
    assert.equal(time.utc_offset, null);
    assert.equal(time.basis, "TIME_BASIS_UNRESOLVED");
    const shown = waybill.when(time);
    assert.equal(shown, `${time.local_time} (zone unknown)`);
    assert.doesNotMatch(shown, /1970|Z|\+00:00/);
    assert.ok(Number(time.earliest.seconds) < Number(time.latest.seconds), "but its bounds are known");
  }
}

async function showsADayWithoutATime(client, dayOnly) {
  const [record] = await waybill.track(client, dayOnly, { carrier: "dhl" });
  assert.ok(record.events.length > 0);
  for (const { time } of record.events) {
    assert.equal(time.precision, "TIME_PRECISION_DAY");
    assert.equal(time.instant, null);
    assert.match(waybill.when(time), /^\d{4}-\d{2}-\d{2}( \(zone unknown\))?$/);
  }
}

function comparesRevisions() {
  const [nine, ten] = ['{"revision":9}', '{"revision":10}'].map((text) => JSON.parse(text).revision);
  assert.ok(waybill.newer(ten, nine) && !waybill.newer(nine, ten) && !waybill.newer(nine, nine));
  // A reader of JSON may hold text, where "9" sorts after "10".
  assert.ok(waybill.newer("10", "9") && !waybill.newer("9", "10"));
}

function showsOffsets() {
  const time = (seconds, offset) => ({ instant: { seconds: String(seconds) }, utc_offset: { seconds: String(offset) } });
  assert.equal(waybill.when(time(1_772_438_400, -12_600)), "2026-03-02T04:30:00-03:30");
  assert.equal(waybill.when(time(1_772_438_400, 20_700)), "2026-03-02T13:45:00+05:45");
  assert.equal(waybill.when({ instant: null, local_time: "2026-03-02", utc_offset: { seconds: "0" } }), "2026-03-02");
}

async function listsServices(address) {
  const found = await waybill.services(address);
  assert.ok(found.includes("waybill.v1.TrackingService") && found.includes("waybill.v1.CarrierService"), found);
}

async function readsAFailure(client, number, { code, reason, waits }) {
  const error = await waybill.track(client, number).then(() => assert.fail("the call did not fail"), (error) => error);
  assert.equal(error.code, code, error);
  const told = waybill.failure(error);
  assert.equal(told.reason, reason);
  assert.equal(told.wait !== null && told.wait > 0, waits);
  assert.deepEqual(waybill.failureFromTrailers(error), told);
}

const [address, descriptors, phase, text] = process.argv.slice(2);
const facts = JSON.parse(text);
const client = waybill.connect(address, descriptors);
if (phase === "outage") {
  const { UNAVAILABLE } = grpc.status;
  await readsAFailure(client, facts.unheard, { code: UNAVAILABLE, reason: "SOURCES_UNAVAILABLE", waits: true });
} else {
  await tracks(client, facts.delivered);
  await batches(client, facts.delivered, facts.zoneless);
  await showsATimeWithoutAZone(client, facts.zoneless);
  await showsADayWithoutATime(client, facts.day_only);
  comparesRevisions();
  showsOffsets();
  await listsServices(address);
  const { INVALID_ARGUMENT } = grpc.status;
  await readsAFailure(client, "!", { code: INVALID_ARGUMENT, reason: "TRACKING_NUMBER_INVALID", waits: false });
  await follows(client, facts.moving);
}
client.close();
console.log("passed");
