package journey_test

// artifacts are stored files (rest-contract §2.1).
func artifacts() []scenario {
	return []scenario{
		{"an artifact's life", []step{
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"size", "", "{t1_size}"}, {"sha256", "", "{t1_sha256}"}}, status: 201, keep: map[string]string{"a": "pulp_href", "prn": "prn"}, want: []string{
				`sha256 = "{t1_sha256}"`, `sha512 = "{t1_sha512}"`, `size = {t1_size}`, `md5 = null`, `sha1 = null`, `file ~ ^"artifact/[0-9a-f]{2}/[0-9a-f]{62}"$`, `prn ~ ^"prn:core.artifact:`}},
			{do: "GET {a}", status: 200, want: []string{`sha256 = "{t1_sha256}"`}},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}}, status: 400, want: []string{`non_field_errors.0 ~ {t1_sha256}`}},
			{do: "GET /artifacts/?sha256={t1_sha256}", status: 200, want: []string{`count = 1`, `results.0.pulp_href = "{a}"`}},
			{do: "GET /artifacts/?sha512={t1_sha512}", status: 200, want: []string{`count = 1`}},
			{do: "GET /artifacts/?sha256={t2_sha256}", status: 200, want: []string{`count = 0`}},
			{do: "GET /artifacts/?sha256={t1_sha256}&orphaned_for=0", status: 200, want: []string{`count = 1`}},
			{do: "GET /artifacts/?sha256={t1_sha256}&orphaned_for=60", status: 200, want: []string{`count = 0`}},
			{do: "GET /artifacts/?sha256={t1_sha256}&orphaned_for=-1", status: 200, want: []string{`count = 0`}},
			{do: "GET /artifacts/?orphaned_for=x", status: 400}, {do: "GET /artifacts/?size=1", status: 400, want: []string{`errors.# = 1`}},
			{do: "DELETE {a}", status: 403, want: []string{`detail ~ .`}},
			{do: "GET {a}", status: 200},
		}},
		{"refused", []step{
			{do: "POST /artifacts/", parts: []part{{"size", "", "1"}}, status: 400, want: []string{`. = {"file":["This field is required."]}`}},
			{do: "POST /artifacts/", body: `{"file":"text"}`, status: 400, want: []string{`file.# = 1`}},
			{do: "POST /artifacts/", parts: []part{{"file", "", "text"}}, status: 400, want: []string{`file.# = 1`}, about: "a text part is no file"},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"size", "", "1"}}, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"sha256", "", "{t2_sha256}"}}, status: 400, want: []string{`non_field_errors.# = 1`}},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"sha256", "", "x"}}, status: 400, want: []string{`sha256.# = 1`}},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"sha1", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"}}, status: 400, about: "a checksum that is not allowed"},
			{do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}, {"foo", "b", "{t2}"}}, status: 400, want: []string{`foo = ["Unexpected field"]`}},
			{as: "nobody", do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}}, status: 401},
			{as: plain, do: "POST /artifacts/", parts: []part{{"file", "a", "{t1}"}}, status: 403},
			{do: "GET /artifacts/?sha256={t1_sha256}", status: 200, want: []string{`count = 0`}},
		}},
	}
}

// uploads come in chunks (rest-contract §2.2).
func uploads() []scenario {
	chunk := func(where, text string, status int, more ...part) step {
		return step{do: "PUT {up}", header: map[string]string{"Content-Range": where}, parts: append([]part{{"file", "c", text}}, more...), status: status}
	}
	return []scenario{
		{"an upload's life", []step{
			{do: "POST /uploads/", body: `{"size":10}`, status: 201, keep: map[string]string{"up": "pulp_href", "prn": "prn"}, want: []string{`size = 10`, `chunks absent`, `completed absent`, `# = 5`}},
			chunk("bytes 5-9/10", "56789", 200), chunk("bytes 0-1/*", "xx", 200), chunk("bytes 0-1/10", "01", 200), chunk("bytes 2-4/999", "234", 200),
			{do: "GET {up}", status: 200, want: []string{`chunks = [{"offset":0,"size":2},{"offset":2,"size":3},{"offset":5,"size":5}]`}},
			{do: "GET /uploads/?size=10&prn__in={prn}", status: 200, want: []string{`count = 1`, `results.0.chunks absent`}},
			{do: "GET /uploads/?size__lt=10&prn__in={prn}", status: 200, want: []string{`count = 0`}},
			{do: "POST {up}commit/", body: `{}`, status: 400, want: []string{`sha256.# = 1`}},
			{do: "POST {up}commit/", body: `{"sha256":"x"}`, status: 400, want: []string{`sha256.# = 1`}},
			{do: "POST {up}commit/", body: `{"sha256":"{t1_sha256}"}`, status: 202, task: "failed", want: []string{`error.description ~ PLP0003`, `error.error_code = "PLP0003"`, `result = null`, `created_resources = []`}},
			{do: "GET {up}", status: 200, about: "a failed commit keeps the upload"},
			{do: "POST {up}commit/", body: `{"sha256":"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"}`, status: 202, task: "completed", keep: map[string]string{"a": "created_resources.0"}, want: []string{
				`name = "pulpcore.app.tasks.upload.commit"`, `result = null`, `created_resources.# = 1`, `created_resource_prns.0 ~ ^"prn:core.artifact:`, `reserved_resources_record.0 = "{prn}"`}},
			{do: "GET {a}", status: 200, want: []string{`size = 10`}},
			{do: "GET {up}", status: 404}, {do: "POST {up}commit/", body: `{"sha256":"{t1_sha256}"}`, status: 404},
		}},
		{"chunks that are refused", []step{
			{do: "POST /uploads/", body: `{"size":4}`, status: 201, keep: map[string]string{"up": "pulp_href"}},
			chunk("", "0123", 400), chunk("bytes=0-3/4", "0123", 400), chunk("bytes 0-3", "0123", 400), chunk("bytes 3-0/4", "0123", 400), chunk("bytes 0-2/4", "0123", 400), chunk("bytes 0-4/5", "01234", 400),
			chunk("bytes 2-5/4", "0123", 400), chunk("bytes 0-3/4", "012", 400), chunk("bytes 99999999999999999999-99999999999999999999/4", "0", 400), chunk("bytes 0-3/4", "0123", 400, part{"sha256", "", "{t1_sha256}"}),
			{do: "PUT {up}", header: map[string]string{"Content-Range": "bytes 0-3/4"}, body: `{}`, status: 400, want: []string{`file.# = 1`}},
			{do: "PUT {up}", parts: []part{{"file", "c", "0123"}}, status: 400, want: []string{`0 ~ Content-Range`}},
			{do: "GET {up}", status: 200, want: []string{`chunks = []`}},
			{as: plain, do: "PUT {up}", header: map[string]string{"Content-Range": "bytes 0-3/4"}, parts: []part{{"file", "c", "0123"}}, status: 404},
			{do: "DELETE {up}", status: 204}, {do: "GET {up}", status: 404}, {do: "DELETE {up}", status: 404},
			{do: "POST /uploads/", body: `{"size":-1}`, status: 400, want: []string{`size.# = 1`}}, {do: "POST /uploads/", body: `{}`, status: 400}, {do: "POST /uploads/", body: `{"size":"many"}`, status: 400},
			{do: "POST /uploads/", body: `{"size":1.5}`, status: 400}, {do: "POST /uploads/", body: `{"size":null}`, status: 400},
		}},
		{"content of an upload", []step{
			{do: "POST /uploads/", body: `{"size":{t1_size}}`, status: 201, keep: map[string]string{"up": "pulp_href"}},
			{do: "PUT {up}", header: map[string]string{"Content-Range": "bytes 0-99/100"}, parts: []part{{"file", "c", "{t1}"}}, status: 400},
			{do: "PUT {up}", header: map[string]string{"Content-Range": "bytes 0-18/*"}, parts: []part{{"file", "c", "{t1}"}, {"sha256", "", "{t1_sha256}"}}, status: 200, want: []string{`chunks absent`}},
			{do: "POST /content/file/files/", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "relative_path={u}&upload={up}&pulp_labels=%7B%22a%22%3A%22b%22%7D", status: 202, task: "completed",
				want: []string{`result.sha256 = "{t1_sha256}"`, `result.pulp_labels = {"a":"b"}`, `created_resources.# = 1`}},
			{do: "GET {up}", status: 404, about: "the content has used it up"},
			{do: "POST /uploads/", body: `{"size":{t2_size}}`, status: 201, keep: map[string]string{"up": "pulp_href"}},
			{do: "PUT {up}", header: map[string]string{"Content-Range": "bytes 0-18/*"}, parts: []part{{"file", "c", "{t2}"}}, status: 200},
			{do: "POST /content/file/files/upload/", body: `{"relative_path":"{u}","upload":"{up}"}`, status: 201, want: []string{`sha256 = "{t2_sha256}"`}},
			{do: "GET {up}", status: 404},
		}},
	}
}
