"""Checks the Python client against a running gateway.

Started by tests/clients.rs, which makes the world change: `test_client.py ADDRESS PHASE FACTS`, where
FACTS is a JSON object. A line "following" on the standard output asks for the followed parcel to move.
"""

import json
import sys
from datetime import date, datetime

import grpc
import waybill_client as client
from google.protobuf import json_format
from waybill.v1 import errors_pb2, shipment_pb2, time_pb2, tracking_service_pb2
from waybill.v1.tracking_service_pb2_grpc import TrackingServiceStub


def tracks(stub, number):
    (record,) = client.track(stub, number, fresh=True)
    assert record.tracking_number == number
    assert record.terminal and record.events
    for event in record.events:
        shown = datetime.fromisoformat(client.when(event.time))
        assert shown.timestamp() == event.time.instant.seconds, "the very instant"
        assert shown.isoformat().startswith(event.time.local_time), "on the clock of the place"


def batches(stub, good, zoneless):
    numbers = [good, "!", zoneless, good]
    results = list(client.batch(stub, numbers))
    assert sorted(result.index for _, result in results) == [0, 1, 2, 3]
    for number, result in results:
        assert number == numbers[result.index]
        if number == "!":
            assert result.error.reason == errors_pb2.ERROR_REASON_TRACKING_NUMBER_INVALID
            assert not result.error.HasField("retry_delay")
        else:
            assert result.response.shipments[0].tracking_number == number


def follows(stub, moving):
    place = {}
    stream = client.follow(stub, [moving, "!"], place)
    first = dict([next(stream), next(stream)])
    assert first["rejected"].error.reason == errors_pb2.ERROR_REASON_TRACKING_NUMBER_INVALID
    before = first["update"].shipment
    print("following", flush=True)
    kind, update = next(stream)
    assert kind == "update" and update.change == tracking_service_pb2.WATCH_CHANGE_UPDATED
    assert update.shipment.id == before.id
    assert client.newer(update.shipment.revision, before.revision)
    assert update.new_event_ids and set(update.new_event_ids) <= {event.id for event in update.shipment.events}
    stream.close()
    # Another process goes on where this one stopped: no snapshot, nothing twice.
    held = dict(place["held"])
    assert place["token"] and held[before.id] == update.shipment.revision
    stream = client.follow(stub, [moving, "!"], place)
    assert next(stream)[0] == "rejected"
    print("following", flush=True)
    kind, update = next(stream)
    assert kind == "update" and update.change == tracking_service_pb2.WATCH_CHANGE_UPDATED
    assert update.previous_revision == held[before.id]
    stream.close()


def shows_a_time_without_a_zone(stub, zoneless):
    (record,) = client.track(stub, zoneless)
    assert record.events
    for event in record.events:
        assert not event.time.HasField("instant") and not event.time.HasField("utc_offset")
        assert event.time.basis == time_pb2.TIME_BASIS_UNRESOLVED
        shown = client.when(event.time)
        assert shown == f"{event.time.local_time} (zone unknown)"
        assert "1970" not in shown and "+00:00" not in shown and "Z" not in shown
        assert event.time.earliest.seconds < event.time.latest.seconds, "but its bounds are known"


def shows_a_day_without_a_time(stub, day_only):
    (record,) = client.track(stub, day_only, carrier="dhl")
    assert record.events
    for event in record.events:
        assert event.time.precision == time_pb2.TIME_PRECISION_DAY and not event.time.HasField("instant")
        shown = client.when(event.time)
        assert shown.removesuffix(" (zone unknown)") == str(date.fromisoformat(event.time.local_time))


def compares_revisions():
    nine, ten = (json_format.Parse(f'{{"revision": {n}}}', shipment_pb2.Shipment()) for n in (9, 10))
    assert client.newer(ten.revision, nine.revision) and not client.newer(nine.revision, ten.revision)
    assert not client.newer(nine.revision, nine.revision)
    # A reader of JSON without the schema may hold text, where "9" sorts after "10".
    assert client.newer("10", "9") and not client.newer("9", "10")


def lists_services(channel):
    found = client.services(channel)
    assert {"waybill.v1.TrackingService", "waybill.v1.CarrierService"} <= set(found), found


def reads_a_failure(stub, number, code, reason, waits):
    try:
        client.track(stub, number)
    except grpc.RpcError as error:
        assert error.code() == code, error
        for told, wait in client.failure(error), client.failure_from_trailers(error):
            assert told == reason, error
            assert (wait is not None and wait > 0) == waits, error
        assert client.failure(error) == client.failure_from_trailers(error)
    else:
        raise AssertionError("the call did not fail")


def main(address, phase, facts):
    facts = json.loads(facts)
    with client.connect(address) as channel:
        stub = TrackingServiceStub(channel)
        if phase == "outage":
            reads_a_failure(
                stub, facts["unheard"], grpc.StatusCode.UNAVAILABLE, "SOURCES_UNAVAILABLE", waits=True)
            return
        tracks(stub, facts["delivered"])
        batches(stub, facts["delivered"], facts["zoneless"])
        shows_a_time_without_a_zone(stub, facts["zoneless"])
        shows_a_day_without_a_time(stub, facts["day_only"])
        compares_revisions()
        lists_services(channel)
        reads_a_failure(
            stub, "!", grpc.StatusCode.INVALID_ARGUMENT, "TRACKING_NUMBER_INVALID", waits=False)
        follows(stub, facts["moving"])


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("passed")
