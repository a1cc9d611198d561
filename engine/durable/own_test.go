package durable

import "testing"

// TestIsOwn: only a name of a whole form is gwe's, so that nothing else is left out of a copy.
func TestIsOwn(t *testing.T) {
	for name, own := range map[string]bool{
		".gwe-old-20260131-093015.120-current": true, ".gwe-20260131-093015.120-0123456789ab": true, ".gwe-rsync-20260131-093015.120-steps[3]": true,
		Releases: true, ".gwe-trash-ABCDEFGHIJKLMNOPQRSTUVWX23": true, ".gwe-unfinished-gwe": true, ".gwe-0123456789abcdef": true,
		".gwe-": false, ".gwe-old": false, ".gwe-settings.conf": false, ".gwe-releases.bak": false, ".gwe-trash-can": false, ".gwe": false,
		".gwe-old-20260131": false, "old-20260131-093015.120": false, ".gwe-0123456789abcdefg": false,
	} {
		if IsOwn(name) != own {
			t.Errorf("%s: %v, want %v", name, !own, own)
		}
	}
}
