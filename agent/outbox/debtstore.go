package outbox

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// debtsName is the bucket of debts, by their numbers in the order of arrival; it carries the version of the encoding.
func debtsName() []byte { return []byte("debts.v1") }

func debtsOf(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(debtsName()) }

// findDebts reads every debt.
func (s *store) findDebts(tx *bbolt.Tx) error {
	return debtsOf(tx).ForEach(func(k, v []byte) error {
		d, err := decodeDebt(v)
		if err != nil || len(k) != keySize {
			return fmt.Errorf("%w: a debt", errDamaged)
		}
		d.number = binary.BigEndian.Uint64(k)
		if !d.paid() {
			s.found.items++
			s.found.bytes += cost(d.asResult())
		}
		s.found.debts = append(s.found.debts, d)
		return nil
	})
}

// owe files d under the next number, and forgets the oldest debts as long as they are too old.
func (s *store) owe(d debt, tooOld func(debt) bool) (number uint64, forgotten []debt, err error) {
	err = closedError(s.db.Update(func(tx *bbolt.Tx) error {
		b := debtsOf(tx)
		if forgotten, err = forget(tx, tooOld); err != nil {
			return err
		}
		if number, err = b.NextSequence(); err != nil {
			return err
		}
		b.FillPercent = 1 // keys only grow
		return b.Put(keyOf(number), encodeDebt(d))
	}))
	return number, forgotten, err
}

func forget(tx *bbolt.Tx, tooOld func(debt) bool) (forgotten []debt, err error) {
	for k, v := debtsOf(tx).Cursor().First(); k != nil; k, v = debtsOf(tx).Cursor().First() {
		d, err := decodeDebt(v)
		if err != nil || !tooOld(d) {
			return forgotten, err
		}
		d.number = binary.BigEndian.Uint64(k)
		forgotten = append(forgotten, d)
		if !d.paid() {
			if err := addTo(bucket(tx), d.asResult()); err != nil {
				return nil, err
			}
		}
		if err := debtsOf(tx).Delete(keyOf(d.number)); err != nil {
			return nil, err
		}
	}
	return forgotten, nil
}

// settle marks debts as paid.
func settle(tx *bbolt.Tx, debts []debt) error {
	for _, d := range debts {
		if err := debtsOf(tx).Put(keyOf(d.number), encodeDebt(debt{Debt: Debt{Key: d.Key}, at: d.at})); err != nil {
			return err
		}
	}
	return nil
}

// execute makes a result of the will of each unpaid debt that was found.
func (s *store) execute() (unpaid []debt, err error) {
	for _, d := range s.found.debts {
		if !d.paid() {
			unpaid = append(unpaid, d)
		}
	}
	if len(unpaid) == 0 {
		return nil, nil
	}
	return unpaid, s.db.Update(func(tx *bbolt.Tx) error {
		for _, d := range unpaid {
			if err := addTo(bucket(tx), d.asResult()); err != nil {
				return err
			}
		}
		return settle(tx, unpaid)
	})
}
