"""A waybill client in Python. docs/clients.md says how to generate the modules it imports."""

import sys
import time
from datetime import datetime, timedelta, timezone

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from waybill.v1 import identity_pb2, status_pb2
from waybill.v1 import tracking_service_pb2 as api
from waybill.v1.tracking_service_pb2_grpc import TrackingServiceStub


def connect(address):
    # Keepalive notices a dead peer; a Follow stream has no deadline that would.
    return grpc.insecure_channel(address, options=[("grpc.keepalive_time_ms", 30_000)])


def track(stub, number, carrier="", fresh=False):
    """The records of a number. `carrier` is its id, if known; `fresh` asks the carrier now."""
    max_age = Duration() if fresh else None
    request = api.TrackRequest(tracking_number=number, carrier=carrier, max_age=max_age)
    return stub.Track(request, timeout=5).shipments


def batch(stub, numbers):
    """Yields (number, result) as results become known; a result has a response or an error."""
    items = [api.BatchTrackItem(tracking_number=number) for number in numbers]
    for message in stub.BatchTrack(api.BatchTrackRequest(items=items), timeout=60):
        if message.WhichOneof("message") == "summary":
            return
        yield numbers[message.result.index], message.result
    raise EOFError("the batch was cut short: ask again for the numbers that are missing")


def follow(stub, numbers, place=None):
    """Yields ("update", WatchUpdate), ("reset", None) and ("rejected", WatchRejected), for ever.

    `place` is a dict with "token" and "held", to be stored in one transaction with what an update
    changed: whoever comes back with it, on any server, misses nothing and sees nothing twice.
    """
    place = {} if place is None else place
    held = place.setdefault("held", {})  # revision by shipment id
    keys = [identity_pb2.ShipmentKey(tracking_number=number) for number in numbers]
    target = api.WatchShipments(shipments=keys)
    while True:
        pause = 1.0
        open_ = api.WatchOpen(shipments=target, resume_token=place.get("token", b""))
        try:
            for message in stub.Follow(api.FollowRequest(open=open_)):
                kind = message.WhichOneof("kind")
                step = None
                if kind == "update":
                    change, record = message.update.change, message.update.shipment
                    if change == api.WATCH_CHANGE_OVERLAY:
                        step = kind, message.update  # what you added yourself; there is no record in it
                    elif change == api.WATCH_CHANGE_REMOVED:
                        held.pop(record.id, None)  # nothing more comes of it, and all but its id is empty
                        step = kind, message.update
                    elif newer(record.revision, held.get(record.id, 0)):
                        held[record.id] = record.revision
                        step = kind, message.update
                elif kind == "reset":  # forget everything; a snapshot follows
                    held.clear()
                    place.pop("token", None)
                    step = kind, None
                elif kind == "rejected":
                    step = kind, message.rejected
                elif kind == "going_away":
                    pause = message.going_away.reconnect_delay.ToTimedelta().total_seconds() or pause
                place["token"] = message.resume_token or place.get("token", b"")
                if step:
                    yield step
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN):
                raise
        time.sleep(pause)


def newer(revision, held):
    """Whether a revision is newer than the held one of the same shipment. They are numbers: 9 < 10."""
    return int(revision) > int(held)


def when(event_time):
    """An EventTime for people. Without an instant it is a wall clock of a place, never UTC."""
    if not event_time.HasField("utc_offset"):
        return f"{event_time.local_time} (zone unknown)"
    if not event_time.HasField("instant"):
        return event_time.local_time  # a day, in a zone that is known
    zone = timezone(timedelta(seconds=event_time.utc_offset.seconds))
    return datetime.fromtimestamp(event_time.instant.seconds, zone).isoformat()


def failure(error):
    """(reason, seconds to wait) of a failed call from its google.rpc details; None: do not retry."""
    reason, wait = None, None
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info, retry = ErrorInfo(), RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            wait = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, wait


def failure_from_trailers(error):
    """The same from the plain trailers, without google.rpc."""
    trailers = dict(error.trailing_metadata() or ())
    millis = trailers.get("waybill-retry-ms")
    return trailers.get("waybill-reason"), None if millis is None else int(millis) / 1000


def services(channel):
    """Names of the services that the gateway tells by reflection."""
    return sorted(ProtoReflectionDescriptorDatabase(channel).get_services())


def show(record):
    known = record.status in status_pb2.ShipmentStatus.values()  # a newer server may know more
    status = status_pb2.ShipmentStatus.Name(record.status) if known else record.status
    print(record.tracking_number, status, f"revision {record.revision}")
    for event in record.events:
        print(f"  {when(event.time)}  {event.location.locality}")


def main(address, command, *numbers):
    channel = connect(address)
    stub = TrackingServiceStub(channel)
    if command == "track":
        for record in track(stub, numbers[0]):
            show(record)
    elif command == "batch":
        for number, result in batch(stub, numbers):
            records = f"{len(result.response.shipments)} record(s)"
            print(number, result.error.message if result.HasField("error") else records)
    elif command == "follow":
        for kind, message in follow(stub, numbers):
            if kind == "update":
                show(message.shipment)
            elif kind == "rejected":
                print("rejected:", message.error.message)
    else:
        print(*services(channel), sep="\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name} (reason, wait): {failure(error)}")
