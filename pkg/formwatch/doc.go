// Package formwatch notices when the form definitions in a folder have changed, and loads them again.
//
// It watches the folder, never a file in it: editors put a new file in an old one's place, and the kubelet puts a whole new
// version of a ConfigMap in place by renaming one link, ..data, to which all files are links. Where a file system tells of
// no changes (a network share, no inotify watches left) a slow poll finds them.
//
// What it promises:
//
//   - The set that is handed on is one version of the folder: a folder that changes while it is read is read again.
//   - A version that cannot be loaded is reported once and changes nothing; the version before it stays in use.
//   - What has not changed in content is not handed on again: neither a touch nor the same bytes written anew.
//   - A change is looked at when the folder has been quiet for Debounce, and after [MaxDebounce] at the latest.
//
// # What each failure does
//
//	a definition is wrong, or a file unreadable   Failed, once; then nothing until it is another error, or right again
//	the folder is gone                            the same; a folder of that name that comes later is noticed by the poll
//	a file is written slowly, in place            its first half may be reported as wrong; its end puts that right
//	no watch can be had                           one log line; the poll goes on, and tries for the watch again
//	events are lost                               a look
//	the folder itself is a link, and is changed   noticed by the poll
//
// It does not decide what becomes of the forms that are no longer there.
package formwatch
