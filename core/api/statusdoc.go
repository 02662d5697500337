package api

import "github.com/packhouse/packhouse/core/resource"

// statusSchemas describe the answer of status/, see Status.
func statusSchemas() map[string]resource.Schema {
	text, moment := resource.String(), resource.Moment()
	yes, count := resource.Schema{"type": "boolean"}, resource.Schema{"type": []string{"integer", "null"}, "format": "int64"}
	list := func(component string) resource.Schema {
		return resource.Schema{"type": "array", "items": resource.Ref(component)}
	}
	return map[string]resource.Schema{
		"StatusResponse": members("The state of the installation.", map[string]resource.Schema{
			"versions": list("VersionResponse"), "online_workers": list("AppStatusResponse"), "online_api_apps": list("AppStatusResponse"),
			"online_content_apps": list("AppStatusResponse"), "database_connection": resource.Ref("DatabaseConnectionResponse"),
			"redis_connection": resource.Ref("RedisConnectionResponse"), "storage": resource.Ref("StorageResponse"),
			"content_settings": resource.Ref("ContentSettingsResponse"), "domain_enabled": yes,
		}, "versions", "online_workers", "online_api_apps", "online_content_apps", "database_connection", "content_settings", "domain_enabled"),
		"VersionResponse": members("An app and its version.", map[string]resource.Schema{
			"component": text, "version": text, "package": text, "module": text, "domain_compatible": yes,
		}, "component", "version", "package", "module", "domain_compatible"),
		"AppStatusResponse": members("A process that was heard of lately.", map[string]resource.Schema{
			"name": text, "last_heartbeat": moment, "versions": {"type": "object", "additionalProperties": text},
		}),
		"DatabaseConnectionResponse": members("Whether the database answers.", map[string]resource.Schema{"connected": yes}, "connected"),
		"RedisConnectionResponse":    members("Whether Redis answers.", map[string]resource.Schema{"connected": yes}, "connected"),
		"StorageResponse": members("The fill of the storage in bytes; null where it cannot be told.",
			map[string]resource.Schema{"total": count, "used": count, "free": count}, "total", "used", "free"),
		"ContentSettingsResponse": members("Where content is served.", map[string]resource.Schema{
			"content_origin": text.OrNull(), "content_path_prefix": text,
		}, "content_origin", "content_path_prefix"),
	}
}

// members is the schema of an object.
func members(doc string, properties map[string]resource.Schema, required ...string) resource.Schema {
	s := resource.Schema{"type": "object", "description": doc, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}
