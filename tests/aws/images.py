"""Images for the check of an account, and the registry that they are pushed to.

The images are made here, and pushed by the registry's own protocol, as docker does it: nobody needs
docker for that. Only this repository's provider writes indexes.
"""

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
import urllib.error
import urllib.parse
import urllib.request

CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SOCI_V1 = "application/vnd.amazon.soci.index.v1+json"
SOCI_V2 = "application/vnd.amazon.soci.index.v2+json"
# More than the default min_layer_size, in bytes that no compression makes smaller.
LARGE = 11 * 1024 * 1024
TIMEOUT = 60


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(name, size, seed):
    """Returns a tar of one file of random bytes, and the same compressed."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    return tar.getvalue(), gzip.compress(tar.getvalue(), compresslevel=1, mtime=0)


def image(sizes, seed):
    """Returns the blobs and the manifest of an image with a layer of each size."""
    layers = [layer(f"file-{n}", size, f"{seed}-{n}") for n, size in enumerate(sizes)]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar, _ in layers]},
        }
    ).encode()
    blobs = [(CONFIG, config)] + [(LAYER, compressed) for _, compressed in layers]
    descriptors = [
        {"mediaType": kind, "digest": digest(blob), "size": len(blob)} for kind, blob in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptors[0],
        "layers": descriptors[1:],
    }
    return [blob for _, blob in blobs], json.dumps(manifest).encode()


class Registry:
    """The account's Amazon ECR, by the protocol of registries."""

    def __init__(self, ecr):
        data = ecr.get_authorization_token()["authorizationData"][0]
        self.url = data["proxyEndpoint"].rstrip("/")
        self.authorization = f"Basic {data['authorizationToken']}"
        assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")

    def request(self, method, url, body=None, **headers):
        """Sends a request; returns None for status 404."""
        url = urllib.parse.urljoin(self.url, url)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        # Not for the storage that a redirect leads to.
        request.add_unredirected_header("Authorization", self.authorization)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return response.headers, response.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            detail = error.read(500).decode(errors="replace")
            path = urllib.parse.urlsplit(url).path
            raise RuntimeError(f"{method} {path}: {error.code}: {detail}") from None

    def push(self, repository, tag, blobs, manifest):
        for blob in blobs:
            begun = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"")
            kind = "application/octet-stream"
            place = begun[0]["Location"]
            going = self.request("PATCH", place, blob, Content_Type=kind)
            place = going[0].get("Location", place)
            query = "&" if "?" in place else "?"
            whole = f"{place}{query}digest={urllib.parse.quote(digest(blob))}"
            self.request("PUT", whole, b"", Content_Type=kind)
        self.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, Content_Type=MANIFEST)
        return digest(manifest)

    def manifest(self, repository, reference):
        """Returns the digest and the JSON of a manifest, if there is one."""
        accept = f"{INDEX}, {MANIFEST}"
        found = self.request("GET", f"/v2/{repository}/manifests/{reference}", Accept=accept)
        return found and (digest(found[1]), json.loads(found[1]))

    def blob(self, repository, reference):
        found = self.request("GET", f"/v2/{repository}/blobs/{reference}")
        return found and found[1]

    def referrers(self, repository, subject):
        found = self.request("GET", f"/v2/{repository}/referrers/{subject}", Accept=INDEX)
        return json.loads(found[1])["manifests"] if found else []
