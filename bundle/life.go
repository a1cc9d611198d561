package bundle

import (
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// life is how long a key may sign.
type life struct {
	// created is the later of the days on which the primary key and the signing subkey were made.
	created time.Time
	// expires is zero where the key does not.
	expires time.Time
}

// life gives the key's life by its newest valid self-signatures, whatever the clock says of their dates. It
// leaves revocations to revoked.
func (s signingKey) life() (found life, err error) {
	err = contained(func() error {
		// No date: the library would pass over self-signatures that are dated after it.
		self, err := s.entity.PrimarySelfSignature(time.Time{}, nil)
		if err != nil {
			return err
		}
		primary := s.entity.PrimaryKey
		found = life{created: primary.CreationTime}
		found.endBy(primary, self)
		if direct, err := s.entity.LatestValidDirectSignature(time.Time{}, nil); err == nil {
			found.endBy(primary, direct)
		}
		for _, subkey := range s.entity.Subkeys {
			if subkey.PublicKey != s.public {
				continue
			}
			binding, err := subkey.LatestValidBindingSignature(time.Time{}, nil)
			if err != nil {
				return err
			}
			found.endBy(subkey.PublicKey, binding)
			if binding.EmbeddedSignature != nil {
				found.end(expiryOf(binding.EmbeddedSignature.CreationTime, binding.EmbeddedSignature.SigLifetimeSecs))
			}
			if subkey.PublicKey.CreationTime.After(found.created) {
				found.created = subkey.PublicKey.CreationTime
			}
		}
		return nil
	})
	return found, err
}

// endBy takes the ends that a self-signature names: the key's, and its own.
func (l *life) endBy(key *packet.PublicKey, self *packet.Signature) {
	l.end(expiryOf(key.CreationTime, self.KeyLifetimeSecs))
	l.end(expiryOf(self.CreationTime, self.SigLifetimeSecs))
}

func (l *life) end(at time.Time) {
	if !at.IsZero() && (l.expires.IsZero() || at.Before(l.expires)) {
		l.expires = at
	}
}

// expiryOf is when something ends that lives for so many seconds; none and 0 are for ever, which is the zero
// time.
func expiryOf(created time.Time, seconds *uint32) time.Time {
	if seconds == nil || *seconds == 0 {
		return time.Time{}
	}
	return created.Add(time.Duration(*seconds) * time.Second)
}
