"""A plug-in for Hare Express, a carrier that does not exist; carrier.py is its API.

    plugin.py ADDRESS API

ADDRESS is where the gateway finds the plug-in, API the carrier's host and port.
"""

import http.client
import json
import socket
import sys
import threading
import time
from concurrent import futures
from email.utils import parsedate_to_datetime

import grpc
from waybill.adapter.v1 import adapter_service_pb2 as wire
from waybill.adapter.v1 import adapter_service_pb2_grpc as service
from waybill.v1 import event_code_pb2 as codes
from waybill.v1 import event_pb2, freshness_pb2, location_pb2, time_pb2

SOURCE = "hare"
# Larger answers are not read to their end.
MOST = 1024 * 1024

# The carrier's codes. What is not here stays EVENT_CODE_UNMAPPED: never guess.
MEANING = {
    "COLLECTED": codes.EVENT_CODE_PICKED_UP,
    "SORTED": codes.EVENT_CODE_SORTED,
    "ON_ROUND": codes.EVENT_CODE_OUT_FOR_DELIVERY,
    "HANDED_OVER": codes.EVENT_CODE_DELIVERED,
}

# What the carrier says within status 200 when it has no parcel to show.
ERRORS = {
    "unknown_parcel": freshness_pb2.SOURCE_RESULT_NOT_FOUND,
    "bad_key": freshness_pb2.SOURCE_RESULT_DENIED,
    "too_many": freshness_pb2.SOURCE_RESULT_THROTTLED,
}


class Failed(Exception):
    """There is no report, and why."""

    def __init__(self, name, code="", wait=None):
        super().__init__(name)
        self.result = freshness_pb2.SourceResult.Value(f"SOURCE_RESULT_{name}")
        self.code = code
        self.wait = wait


class Line:
    """The connection to the carrier of one call. When the call is over, so is the connection:
    nobody waits for an answer that nobody wants."""

    def __init__(self, api, context):
        self.api = api
        self.context = context
        self.lock = threading.Lock()
        self.socket = None
        self.over = False
        if not context.add_callback(self.hang_up):
            self.over = True

    def hang_up(self):
        with self.lock:
            self.over = True
            if self.socket:
                try:
                    self.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # It has ended by itself.

    def get(self, path):
        """Status, headers and body, within the time that is left."""
        left = self.context.time_remaining()
        connection = http.client.HTTPConnection(self.api, timeout=left)
        try:
            connection.connect()
            with self.lock:
                if self.over:
                    raise Failed("TIMEOUT")
                self.socket = connection.sock
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.headers, response.read(MOST + 1)
        except TimeoutError:
            raise Failed("TIMEOUT") from None
        except http.client.BadStatusLine as error:
            # Nothing at all is a lost connection; anything else is no HTTP.
            lost = isinstance(error, ConnectionError)
            raise Failed("UNAVAILABLE" if lost else "MALFORMED") from None
        except (OSError, http.client.HTTPException):
            raise Failed("TIMEOUT" if self.over else "UNAVAILABLE") from None
        finally:
            with self.lock:
                self.socket = None
            connection.close()


def wait(headers):
    """Seconds that Retry-After asks for: a number, or a date."""
    text = headers.get("retry-after", "")
    if text.isdecimal():
        return int(text)
    try:
        return max(0, int(parsedate_to_datetime(text).timestamp() - time.time()))
    except (TypeError, ValueError):
        return None


def parcel(status, headers, body):
    """The parcel in an answer."""
    if status in (401, 403):
        raise Failed("DENIED", str(status))
    if status == 429:
        # Without advice a minute is what we ask for ourselves.
        raise Failed("THROTTLED", str(status), wait(headers) or 60)
    if status >= 500:
        raise Failed("UNAVAILABLE", str(status), wait(headers))
    if len(body) > MOST:
        raise Failed("MALFORMED")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, str) and error in ERRORS:
        name = freshness_pb2.SourceResult.Name(ERRORS[error])
        raise Failed(name.removeprefix("SOURCE_RESULT_"), error)
    if status != 200 or not isinstance(answer, dict):
        raise Failed("MALFORMED", str(status))
    return answer


def text(value):
    """A value that has to be text."""
    if not isinstance(value, str) or "\0" in value or len(value) > 1000:
        raise TypeError
    return value


def claim(scan):
    what = text(scan["what"])
    if not isinstance(scan["no"], int) or len(what) > 128:
        raise TypeError
    when = text(scan["when"])
    return wire.Claim(
        native_id=str(scan["no"]),
        native_code=what,
        native_text=text(scan["words"]),
        code=MEANING.get(what, codes.EVENT_CODE_UNMAPPED),
        mapping_basis=event_pb2.MAPPING_BASIS_CODE,
        # The wall clock as the carrier gives it, with its zone. Without either an offset or a
        # zone the gateway keeps the time as unresolved; it is never taken for UTC.
        time=time_pb2.EventTime(
            local_time=when.replace(" ", "T"),
            time_zone=text(scan.get("zone", "")),
            raw=when,
        ),
        location=location_pb2.Location(
            country_code=text(scan.get("land", "")), locality=text(scan.get("town", ""))
        ),
    )


def report(number, parcel):
    # The carrier repeats a scan when it corrects it: the last word counts.
    scans = {scan["no"]: scan for scan in parcel["scans"]}
    return wire.SourceReport(
        tracking_number=number,
        claims=[claim(scans[no]) for no in sorted(scans)],
        complete=True,
        language="en",
        service=text(parcel.get("product", "")),
        destination=location_pb2.Location(country_code=text(parcel.get("to", ""))),
    )


class Hare(service.AdapterServiceServicer):
    def __init__(self, api):
        self.api = api

    def Describe(self, request, context):
        offered = wire.OfferedSource(id=SOURCE, carrier="hare", max_batch_size=10)
        return wire.DescribeResponse(adapter_version="1.0.0", sources=[offered])

    def Fetch(self, request, context):
        if request.source != SOURCE:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such source")
        line = Line(self.api, context)
        for index, query in enumerate(request.queries):
            if not context.is_active():
                return  # The gateway has gone, or the time is up.
            yield self.look_up(line, index, query.shipment.tracking_number)

    def look_up(self, line, index, number):
        try:
            found = parcel(*line.get(f"/parcels/{number}"))
            found = wire.Found(reports=[report(number, found)])
            return wire.FetchResponse(index=index, found=found)
        except Failed as failed:
            return failure(index, failed)
        except (AttributeError, KeyError, TypeError, ValueError):
            return failure(index, Failed("MALFORMED"))


def failure(index, failed):
    failure = wire.Failure(result=failed.result, native_code=failed.code)
    if failed.wait:
        failure.retry_delay.FromSeconds(failed.wait)
    return wire.FetchResponse(index=index, failure=failure)


def main(address, api):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    service.add_AdapterServiceServicer_to_server(Hare(api), server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on {address.rsplit(':', 1)[0]}:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
