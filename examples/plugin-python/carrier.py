"""What Hare Express would be: an HTTP API over parcels.json.

    carrier.py PORT FILE

    GET /parcels/NUMBER     200 {"product", "to", "scans": [...]}, or 404 {"error": "unknown_parcel"}
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        with open(self.server.file, encoding="utf-8") as file:
            parcel = json.load(file).get(self.path.removeprefix("/parcels/"))
        status, answer = (200, parcel) if parcel else (404, {"error": "unknown_parcel"})
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # A log of addresses would be a log of numbers.


def main(port, file):
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Api)
    server.file = file
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
