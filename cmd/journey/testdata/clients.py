"""Drives a server with Python clients: the published ones, or ones generated from the server's own document.

    clients.py CORE_MODULE FILE_MODULE API_URL USER PASSWORD UPSTREAM_URL MIRROR_FOLDER NAME

MIRROR_FOLDER is what UPSTREAM_URL serves. NAME is a word that nothing on the server has in its name yet.
The two modules are what differs; everything below works with both, or the clients are not alike.
"""

import hashlib
import importlib
import pathlib
import sys
import time
import urllib.error
import urllib.request

CORE, FILE, API_URL, USER, PASSWORD, UPSTREAM, MIRROR, NAME = sys.argv[1:]


class Client:
    """The API classes and models of one module, logged in."""

    def __init__(self, module):
        self.module = importlib.import_module(module)
        self.api = self.module.ApiClient(self.module.Configuration(host=API_URL, username=USER, password=PASSWORD))

    def __getattr__(self, name):
        found = getattr(self.module, name)
        return found(self.api) if name.endswith("Api") else found


core, file = Client(CORE), Client(FILE)
FINAL = ("completed", "failed", "canceled", "skipped")


def task(accepted, state="completed"):
    """Follows the task of an answer to its end."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = core.TasksApi.read(accepted.task)
        if found.state in FINAL:
            assert found.state == state, (found.state, found.error)
            return found
        time.sleep(0.05)
    raise AssertionError(f"{accepted.task} does not end")


def refused(status, call, *words):
    """Expects an error with a status, and words in its body."""
    try:
        call()
    except Exception as error:  # each module has its own ApiException
        assert getattr(error, "status", None) == status, error
        for word in words:
            assert word in error.body, (word, error.body)
        return
    raise AssertionError(f"the call was not refused with {status}")


def sha256(text):
    return hashlib.sha256(text).hexdigest()


def download(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def mirror(files):
    """Puts files into the folder of the upstream, with their manifest."""
    folder = pathlib.Path(MIRROR, NAME)
    folder.mkdir(exist_ok=True)
    for path, text in files.items():
        (folder / path).write_bytes(text)
    lines = [f"{path},{sha256(text)},{len(text)}\n" for path, text in files.items()]
    (folder / "PULP_MANIFEST").write_text("".join(lines))


def content_of(version):
    """The paths of a version."""
    page = file.ContentFilesApi.list(repository_version=version, ordering=["relative_path"])
    return [unit.relative_path for unit in page.results]


def status():
    found = core.StatusApi.status_read()
    assert {one.component for one in found.versions} >= {"core", "file"}
    assert found.database_connection.connected and found.online_workers
    assert found.domain_enabled is False
    core.LivezApi.livez_read()


def repository():
    created = file.RepositoriesFileApi.create(
        file.FileFileRepository(name=NAME, description="of a client", pulp_labels={"made": "here"})
    )
    assert created.name == NAME and created.pulp_labels == {"made": "here"} and created.autopublish is False
    assert created.latest_version_href.endswith("/versions/0/")
    page = file.RepositoriesFileApi.list(name=NAME, limit=10, offset=0)
    assert page.count == 1 and page.next is None and page.results[0].prn == created.prn
    assert core.RepositoriesApi.list(name__in=[NAME, "other"]).results[0].pulp_href == created.pulp_href
    narrow = file.RepositoriesFileApi.read(created.pulp_href, fields=["pulp_href", "name"])
    assert narrow.name == NAME and narrow.description is None
    return created


def labels(repo):
    api = file.RepositoriesFileApi
    said = api.set_label(repo.pulp_href, file.SetLabel(key="color", value="blue"))
    assert (said.key, said.value) == ("color", "blue")
    assert api.list(pulp_label_select="color=blue,made", name__startswith=NAME).count == 1
    api.unset_label(repo.pulp_href, file.UnsetLabel(key="color"))
    refused(400, lambda: api.unset_label(repo.pulp_href, file.UnsetLabel(key="color")), "color")


def update(repo):
    api = file.RepositoriesFileApi
    task(api.partial_update(repo.pulp_href, file.PatchedfileFileRepository(description="changed", retain_repo_versions=9)))
    found = api.read(repo.pulp_href)
    assert found.description == "changed" and found.retain_repo_versions == 9
    task(api.update(repo.pulp_href, file.FileFileRepository(name=NAME, pulp_labels={"made": "here"}, description="whole")))
    assert api.read(repo.pulp_href).description == "whole"


def upload(repo):
    """A file in one request, and one in pieces."""
    whole = b"one request of " + NAME.encode()
    done = task(file.ContentFilesApi.create(relative_path="whole", file=("whole", whole), repository=repo.pulp_href, pulp_labels={"a": "b"}))
    unit = next(href for href in done.created_resources if "/content/file/files/" in href)
    found = file.ContentFilesApi.read(unit)
    assert found.sha256 == sha256(whole) and found.pulp_labels == {"a": "b"}

    pieces = b"in pieces of " + NAME.encode()
    place = core.UploadsApi.create(core.Upload(size=len(pieces)))
    for begin in range(0, len(pieces), 10):
        piece = pieces[begin:begin + 10]
        core.UploadsApi.update(
            content_range=f"bytes {begin}-{begin + len(piece) - 1}/{len(pieces)}", upload_href=place.pulp_href, file=("piece", piece)
        )
    assert [chunk.offset for chunk in core.UploadsApi.read(place.pulp_href).chunks] == list(range(0, len(pieces), 10))
    done = task(core.UploadsApi.commit(place.pulp_href, core.UploadCommit(sha256=sha256(pieces))))
    artifact = done.created_resources[0]
    assert core.ArtifactsApi.read(artifact).size == len(pieces)
    assert core.ArtifactsApi.list(sha256=sha256(pieces)).count == 1
    task(file.ContentFilesApi.create(relative_path="pieces", artifact=artifact, repository=repo.pulp_href))
    at_once = file.ContentFilesApi.upload(relative_path="at_once", file=("at_once", pieces))
    assert at_once.sha256 == sha256(pieces) and at_once.relative_path == "at_once"
    return unit


def versions(repo, unit):
    """Changes by hand, and the way back."""
    api = file.RepositoriesFileVersionsApi
    page = api.list(repo.pulp_href, ordering=["number"])
    assert [version.number for version in page.results] == [0, 1, 2]
    assert page.results[2].content_summary.present["file.file"]["count"] == 2
    assert api.list(repo.pulp_href, content=unit).count == 2
    done = task(file.RepositoriesFileApi.modify(repo.pulp_href, file.RepositoryAddRemoveContent(remove_content_units=[unit])))
    newest = done.created_resources[0]
    assert api.read(newest).number == 3 and content_of(newest) == ["pieces"]
    done = task(file.RepositoriesFileApi.modify(repo.pulp_href, file.RepositoryAddRemoveContent(base_version=repo.versions_href + "1/")))
    assert content_of(done.created_resources[0]) == ["whole"]
    task(api.delete(newest))
    refused(404, lambda: api.read(newest))
    task(api.repair(done.created_resources[0], file.Repair(verify_checksums=True)))
    refused(400, lambda: file.RepositoriesFileApi.modify(repo.pulp_href, file.RepositoryAddRemoveContent(add_content_units=["nonsense"])), "nonsense")


def remote():
    mirror({"a": b"a of " + NAME.encode(), "b": b"b of " + NAME.encode()})
    created = file.RemotesFileApi.create(
        file.FileFileRemote(name=NAME, url=f"{UPSTREAM}/{NAME}/PULP_MANIFEST", policy="on_demand", username="me", password="secret")
    )
    assert created.policy == "on_demand" and created.tls_validation is True
    assert {field.name: field.is_set for field in created.hidden_fields}["password"] is True
    task(file.RemotesFileApi.partial_update(created.pulp_href, file.PatchedfileFileRemote(username=None, password=None, total_timeout=60)))
    found = file.RemotesFileApi.read(created.pulp_href)
    assert not any(field.is_set for field in found.hidden_fields) and found.total_timeout == 60
    assert core.RemotesApi.list(name=NAME, pulp_type__in=["file.file"]).count == 1
    refused(400, lambda: file.RemotesFileApi.create(file.FileFileRemote(name=NAME, url=UPSTREAM)), "unique")
    return created


def sync(repo, source):
    done = task(file.RepositoriesFileApi.sync(repo.pulp_href, file.FileRepositorySyncURL(remote=source.pulp_href, mirror=True)))
    assert {"sync.downloading.metadata", "sync.parsing.metadata"} <= {report.code for report in done.progress_reports}
    newest = file.RepositoriesFileApi.read(repo.pulp_href).latest_version_href
    assert content_of(newest) == ["a", "b"]
    again = task(file.RepositoriesFileApi.sync(repo.pulp_href, file.FileRepositorySyncURL(remote=source.pulp_href, mirror=True)))
    assert again.created_resources == [] and "sync.was_skipped" in {report.code for report in again.progress_reports}
    mirror({"a": b"another a of " + NAME.encode()})
    task(file.RepositoriesFileApi.sync(repo.pulp_href, file.FileRepositorySyncURL(remote=source.pulp_href)))
    assert content_of(file.RepositoriesFileApi.read(repo.pulp_href).latest_version_href) == ["a", "b"]


def publish(repo):
    done = task(file.PublicationsFileApi.create(file.FileFilePublication(repository=repo.pulp_href)))
    publication = file.PublicationsFileApi.read(done.created_resources[0])
    assert publication.manifest == "PULP_MANIFEST"
    assert file.PublicationsFileApi.list(repository=repo.pulp_href).results[0].prn == publication.prn
    done = task(
        file.DistributionsFileApi.create(file.FileFileDistribution(name=NAME, base_path=NAME + "/files", publication=publication.pulp_href))
    )
    distribution = file.DistributionsFileApi.read(done.created_resources[0])
    base = distribution.base_url if "://" in distribution.base_url else API_URL + distribution.base_url
    assert download(base + "a") == b"another a of " + NAME.encode()
    assert download(base + "b") == b"b of " + NAME.encode()
    assert sha256(download(base + "b")) in download(base + "PULP_MANIFEST").decode()
    assert core.DistributionsApi.list(name=NAME).results[0].base_path == NAME + "/files"
    refused(400, lambda: file.DistributionsFileApi.create(file.FileFileDistribution(name=NAME + "2", base_path=NAME)), "base_path")
    task(
        file.DistributionsFileApi.partial_update(
            distribution.pulp_href, file.PatchedfileFileDistribution(publication=None, repository=repo.pulp_href)
        )
    )
    assert file.DistributionsFileApi.read(distribution.pulp_href).repository == repo.pulp_href
    return publication, distribution, base


def alternate(source):
    created = file.AcsFileApi.create(file.FileFileAlternateContentSource(name=NAME, remote=source.pulp_href, paths=None))
    group = file.AcsFileApi.refresh(created.pulp_href).task_group
    deadline = time.monotonic() + 120
    while True:
        found = core.TaskGroupsApi.read(group)
        if found.all_tasks_dispatched and found.completed + found.failed + found.canceled == len(found.tasks):
            break
        assert time.monotonic() < deadline, "the group does not end"
        time.sleep(0.05)
    assert found.completed == len(found.tasks) == 1, found
    assert file.AcsFileApi.list(name=NAME).count == 1
    task(file.AcsFileApi.delete(created.pulp_href))


def errors(repo):
    nobody = Client(FILE)
    nobody.api.configuration.password = "wrong"
    refused(401, lambda: nobody.RepositoriesFileApi.list(), "detail")
    refused(404, lambda: file.RepositoriesFileApi.read(repo.pulp_href.replace(repo.pulp_href[-37:-1], "0" * 8 + "-0000-4000-8000-" + "0" * 12)))
    refused(400, lambda: file.RepositoriesFileApi.create(file.FileFileRepository(name=NAME)), "unique")
    refused(400, lambda: file.RepositoriesFileApi.list(ordering=["nonsense"]), "ordering")
    failing = file.RemotesFileApi.create(file.FileFileRemote(name=NAME + "x", url=f"{UPSTREAM}/{NAME}/nowhere"))
    failed = task(file.RepositoriesFileApi.sync(repo.pulp_href, file.FileRepositorySyncURL(remote=failing.pulp_href)), state="failed")
    assert "nowhere" in failed.error["description"]
    refused(409, lambda: core.TasksApi.tasks_cancel(failed.pulp_href, core.PatchedTaskCancel(state="canceled")))
    assert core.TasksApi.list(name__contains="synchronize", state__in=["failed"], reserved_resources=repo.pulp_href).count == 1
    core.TasksApi.delete(failed.pulp_href)
    refused(404, lambda: core.TasksApi.read(failed.pulp_href))
    task(file.RemotesFileApi.delete(failing.pulp_href))
    assert core.WorkersApi.list(online=True).count >= 1


def tidy(repo, source, publication, distribution, base):
    file.PublicationsFileApi.delete(publication.pulp_href)
    task(file.DistributionsFileApi.delete(distribution.pulp_href))
    task(file.RemotesFileApi.delete(source.pulp_href))
    task(file.RepositoriesFileApi.delete(repo.pulp_href))
    assert file.RepositoriesFileApi.list(name=NAME).count == 0
    try:
        download(base + "a")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
    else:
        raise AssertionError("what was deleted is still served")
    task(core.OrphansCleanupApi.cleanup(core.OrphansCleanup(orphan_protection_time=100000)))


def step(function, *args):
    print(function.__name__, flush=True)
    return function(*args)


step(status)
repo = step(repository)
step(labels, repo)
step(update, repo)
step(versions, repo, step(upload, repo))
source = step(remote)
step(sync, repo, source)
served = step(publish, repo)
step(alternate, source)
step(errors, repo)
step(tidy, repo, source, *served)
