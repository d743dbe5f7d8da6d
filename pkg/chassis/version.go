package chassis

import (
	"runtime/debug"
)

// version is set by the linker for releases:
// -ldflags "-X github.com/formstream/formstream/pkg/chassis.version=v1.2.3".
var version string

// Version returns the release, or else what the Go toolchain knows of the source:
// a pseudo-version or a revision, or "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
