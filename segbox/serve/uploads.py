"""The picture and the fields in the body of a request."""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser

from segbox.data.readers.files import format_of
from segbox.data.readers.format import MOST_CHANNELS
from segbox.serve.limits import Limits, Refused

MOST_PARTS = 20
LONGEST_FIELD = 1000  # bytes of a field that is no file
FORMATS = "JPEG, PNG, WebP, TIFF or BMP"


@dataclass
class Upload:
    picture: bytes = b""
    name: str = ""  # as the client calls the file
    fields: dict[str, str] = field(default_factory=dict)


def read_upload(headers: Message, body: bytes) -> Upload:
    """A form (multipart/form-data) with the picture in a file field, or the bytes of the picture alone."""
    if headers.get_content_type() != "multipart/form-data":
        return Upload(body)
    boundary = (headers.get_boundary() or "").encode("utf-8", "replace")
    upload = Upload()
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 1)[1:]
    if not boundary or len(parts) > MOST_PARTS or not parts or not parts[-1].startswith(b"--"):
        raise Refused(400, "the form cannot be read: it is cut off, or has too many parts")
    for part in parts[:-1]:
        _add(upload, part)
    return upload


def _add(upload: Upload, part: bytes) -> None:
    """A part of a form. An empty file field is one that was not filled in."""
    head, _, content = part.partition(b"\r\n\r\n")
    about = Parser().parsestr(head[:LONGEST_FIELD].decode("utf-8", "replace").lstrip(), headersonly=True)
    name, file = about.get_param("name", "", "content-disposition"), about.get_filename()
    if file is None:
        upload.fields[str(name)] = content[:LONGEST_FIELD].decode("utf-8", "replace")
    elif content and not upload.picture:
        upload.picture, upload.name = content, file


def check_picture(data: bytes, limits: Limits) -> None:
    """Refuse what is no picture, or too large a one, before a decoder takes memory for it."""
    if not data:
        raise Refused(400, "there is no picture in the request; send it as the form field image, or as the whole body")
    size = format_of(data).claimed_size(data)
    if size is None:
        raise Refused(415, f"this is no picture that can be read; send a {FORMATS}")
    if size.height * size.width * -(-size.channels // MOST_CHANNELS) > limits.pixels:
        deep = f" in {size.channels} channels, of which 4 count as one picture" if size.channels > MOST_CHANNELS else ""
        raise Refused(
            413,
            f"the picture has {size.width} x {size.height} pixels{deep}: at most {limits.pixels / 1e6:g} million are"
            " taken. Send a smaller one, or start the server with --max-pixels",
        )
