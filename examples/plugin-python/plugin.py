"""A plug-in for Hare Express, a carrier that does not exist: its "API" is a JSON file.

    plugin.py ADDRESS FILE

A real one asks the carrier where `Hare.look_up` reads the file, within the time that is left.
"""

import json
import sys
from concurrent import futures

import grpc
from waybill.adapter.v1 import adapter_service_pb2 as wire
from waybill.adapter.v1 import adapter_service_pb2_grpc as service
from waybill.v1 import event_code_pb2 as codes
from waybill.v1 import event_pb2, freshness_pb2, location_pb2, time_pb2

SOURCE = "hare"

# The carrier's codes. What is not here stays EVENT_CODE_UNMAPPED: never guess.
MEANING = {
    "COLLECTED": codes.EVENT_CODE_PICKED_UP,
    "SORTED": codes.EVENT_CODE_SORTED,
    "ON_ROUND": codes.EVENT_CODE_OUT_FOR_DELIVERY,
    "HANDED_OVER": codes.EVENT_CODE_DELIVERED,
}


def claim(scan):
    code = MEANING.get(scan["what"], codes.EVENT_CODE_UNMAPPED)
    return wire.Claim(
        native_id=str(scan["no"]),
        native_code=scan["what"],
        native_text=scan["words"],
        code=code,
        mapping_basis=event_pb2.MAPPING_BASIS_CODE,
        # The wall clock as the carrier gives it, with its zone. Without either an offset or a
        # zone the gateway keeps the time as unresolved; it is never taken for UTC.
        time=time_pb2.EventTime(
            local_time=scan["when"].replace(" ", "T"),
            time_zone=scan["zone"],
            raw=scan["when"],
        ),
        location=location_pb2.Location(country_code=scan["land"], locality=scan["town"]),
    )


def report(number, parcel):
    scans = sorted(parcel["scans"], key=lambda scan: scan["no"])
    return wire.SourceReport(
        tracking_number=number,
        claims=[claim(scan) for scan in scans],
        complete=True,
        language="en",
        service=parcel["product"],
        destination=location_pb2.Location(country_code=parcel["to"]),
    )


class Hare(service.AdapterServiceServicer):
    def __init__(self, path):
        self.path = path

    def Describe(self, request, context):
        offered = wire.OfferedSource(id=SOURCE, carrier="hare", max_batch_size=10)
        return wire.DescribeResponse(adapter_version="1.0.0", sources=[offered])

    def Fetch(self, request, context):
        for index, query in enumerate(request.queries):
            if not context.is_active():
                return  # The gateway has gone, or the time is up.
            yield self.look_up(index, query.shipment.tracking_number)

    def look_up(self, index, number):
        try:
            with open(self.path, encoding="utf-8") as file:
                parcel = json.load(file).get(number)
        except OSError:
            return failure(index, freshness_pb2.SOURCE_RESULT_UNAVAILABLE)
        if parcel is None:
            return failure(index, freshness_pb2.SOURCE_RESULT_NOT_FOUND)
        try:
            found = wire.Found(reports=[report(number, parcel)])
        except (KeyError, TypeError):
            return failure(index, freshness_pb2.SOURCE_RESULT_MALFORMED)
        return wire.FetchResponse(index=index, found=found)


def failure(index, result):
    return wire.FetchResponse(index=index, failure=wire.Failure(result=result))


def main(address, path):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    service.add_AdapterServiceServicer_to_server(Hare(path), server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on {address.rsplit(':', 1)[0]}:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
