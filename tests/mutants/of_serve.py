"""Mutants of the server, and of what it reads from strangers."""

from tests.mutants.mutant import in_file

SERVER = "tests/serve/test_server.py"

OF_SERVE = [
    *in_file("data/readers/jpeg.py", "tests/data/readers/test_claimed_size.py", [
        ("size of a JPEG: a header that decoders do not see", "if marker in WITHOUT_CONTENT:", "if False:"),
    ]),
    *in_file("data/readers/tiff.py", "tests/data/readers/test_claimed_size.py", [
        ("size of a TIFF: previews do not count", "pages = [Page(tags) for tags in read_directories(data)]",
         "pages = read_pages(data)"),
    ]),
    *in_file("serve/uploads.py", SERVER, [
        ("upload: any number of pixels", "> limits.pixels:", "> 10**12:"),
        ("upload: any number of channels", "* -(-size.channels // MOST_CHANNELS)", "* 1"),
    ]),
    *in_file("serve/connection.py", SERVER, [
        ("request: a time-out for each read", "left = self.deadline - time.monotonic()", "left = 0.3"),
        ("request: any number of bytes", "int(given) > megabytes * 1e6", "int(given) > 1e15"),
    ]),
    *in_file("serve/origin.py", SERVER, [
        ("host: any name", "if names and name_in(host) not in names:", "if False:"),
        ("origin: any site", "if origin is not None and", "if False and"),
    ]),
    *in_file("serve/worker.py", SERVER, [
        ("queue: one too many", ">= self.limits.queue:", "> self.limits.queue:"),
        ("queue: a batch takes its places", "if self.unfinished - max(1, self.running) >=",
         "if self.unfinished - 1 >="),
        ("queue: batches that have ended run on", "self.running -= not picture.maps.cancelled()", "pass"),
        ("queue: pictures that were given up stay", "            self._pictures.remove(picture)", "            pass"),
        ("queue: places are not given back", "self.unfinished -= 1", "self.unfinished -= 0"),
        ("batch: pictures of any size", "if other.is_like(first)]", "]"),
        ("batch: each gets the first one's maps", "for label, confidence in pairs]",
         "for label, confidence in pairs[:1] * len(pairs)]"),
        ("batch: a failure is everybody's", "if len(batch) == 1:\n                return [error]",
         "return [error] * len(batch)"),
        ("queue: those of clients that have gone", "if not self.is_wanted():", "if False:"),
        ("queue: waits for ever", "wait([picture.maps], self.limits.wait)", "wait([picture.maps])"),
    ]),
    *in_file("serve/server.py", SERVER, [
        ("server: a client's place is not given back", "        finally:\n            self.places.release()",
         "        finally:\n            pass"),
    ]),
    *in_file("serve/metrics.py", SERVER, [
        ("metrics: every answer is an error", "if key[1] >= FIRST_ERROR", "if key[1]"),
    ]),
    *in_file("serve/result.py", "tests/serve", [
        ("result: colours in OpenCV's order", '"color": [int(c) for c in palette[i]]',
         '"color": [int(c) for c in palette[i][::-1]]'),
        ("result: photos are not turned", "predictor.bits, predictor.exif)", "predictor.bits, False)"),
    ]),
    *in_file("serve/result_page.py", "tests/serve/test_page.py", [
        ("page: names are HTML", "{escape(area['class'])}</label>", "{area['class']}</label>"),
        ("page: the smallest area first", 'key=lambda area: -area["pixels"]', 'key=lambda area: area["pixels"]'),
    ]),
    *in_file("viz/camera.py", "tests/viz/test_camera.py", [
        ("camera: each frame once", "count = max(1, round((self.clock() - self.start) * self.rate) - self.end)",
         "count = 1"),
        ("camera: stays on", "            self.reader.release()", "            pass"),
    ]),
]  # fmt: skip
