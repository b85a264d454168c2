package queue_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hebian/matcher"
	"hebian/matcher/entity"
	"hebian/matcher/queue"
	"hebian/schemas"
)

// shop is an entity with a row of commerce, which is believed, and one of tax, which says otherwise in everything.
func shop(rep, status string, updated schemas.Date) *entity.Entity {
	const code = "91139721QD0002125Q"
	e := &entity.Entity{ID: 42, Code: code, Members: []entity.Record{
		{Ref: 7, Source: entity.Commerce, Key: "C1", USCC: code, Name: "青岚县明丰商贸有限公司", LegalRep: "王明", Capital: "100000", CapitalFen: 100000_00, CapitalUnit: entity.InYuan, Status: schemas.StatusExisting, Division: "139721", UpdatedOn: updated, HasUpdated: true},
		{Ref: 8, Source: entity.Tax, Key: code, USCC: code, Name: "青岚县明丰商贸有限公司", LegalRep: rep, Status: schemas.RegistrationStatus(status), UpdatedOn: updated - 400, HasUpdated: true},
	}}
	bench := entity.Bench{Authority: entity.DefaultAuthority(), Day: judgedOn}
	bench.Judge(e)
	return e
}

const judgedOn = schemas.Date(20_600)

func TestOfEntity(t *testing.T) {
	e := shop("王民", string(schemas.StatusExisting), judgedOn-100)
	if len(e.Findings) != 1 {
		t.Fatalf("%d findings, want one", len(e.Findings))
	}
	got := queue.OfEntity(e, &e.Findings[0], judgedOn)
	want := queue.Ruling{
		Key:     matcher.Key{Code: queue.CodeConflict, Entity: "E00000042", Detail: "legal_rep"},
		Present: true, Severity: "medium", Agencies: []string{"tax"}, Unit: e.Code, Title: "青岚县明丰商贸有限公司", Division: "139721",
	}
	want.Grounds.Version, want.Grounds.AsOf, want.Grounds.Rows = 1, judgedOn, 2
	want.Grounds.Sides = []queue.Side{
		{Agency: "commerce", Key: "C1", Value: "王明", Role: queue.RoleAuthority, Row: 0},
		{Agency: "tax", Key: e.Code, Value: "王民", Role: queue.RoleDiffers, Row: 1},
	}
	want.Grounds.Evidence = got.Grounds.Evidence
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ruling differs (-want +got):\n%s", diff)
	}
	if refs := got.Grounds.Evidence; len(refs) != 2 || refs[0] != 7 || refs[1] != 8 {
		t.Errorf("it stands on %v", refs)
	}
	if key := queue.KeyOfEntity(entity.CaseFinding{Entity: 42, Kind: entity.KindConflict, Detail: "legal_rep"}); key != got.Key {
		t.Errorf("by its key it is %+v", key)
	}
}

// What may still follow is no case; who is closed at one and open at the other comes first.
func TestOfEntityWeight(t *testing.T) {
	for _, test := range []struct {
		name     string
		entity   *entity.Entity
		present  bool
		severity string
		role     queue.Role
	}{
		{"a lag", shop("王民", string(schemas.StatusExisting), judgedOn-10), false, "medium", queue.RoleLag},
		{"closed and open", shop("王明", string(schemas.StatusClosed), judgedOn-100), true, "high", queue.RoleDiffers},
		{"another status", shop("王明", string(schemas.StatusSuspended), judgedOn-100), true, "medium", queue.RoleDiffers},
	} {
		r := queue.OfEntity(test.entity, &test.entity.Findings[0], judgedOn)
		if r.Present != test.present || r.Severity != test.severity || r.Grounds.Sides[1].Role != test.role {
			t.Errorf("%s: present %t, %s, %s", test.name, r.Present, r.Severity, r.Grounds.Sides[1].Role)
		}
	}
}

// Candidates of a review come with their reasons. One whose name is only alike weighs less than a tie.
func TestOfEntityReview(t *testing.T) {
	e := shop("王明", string(schemas.StatusExisting), judgedOn-100)
	candidate := entity.Candidate{Entity: 43, Code: "X", Name: "明丰商贸", Source: entity.Civil, Key: "M1", For: []entity.Reason{entity.ReasonNameAlike}, Against: []entity.Reason{entity.ReasonRepDiffers}}
	f := entity.Finding{Kind: entity.KindLinkReview, Entity: 42, Detail: "tax:" + e.Code, Authority: -1, Sides: []entity.Side{{Member: 1}}, Candidates: []entity.Candidate{candidate}}
	r := queue.OfEntity(e, &f, judgedOn)
	want := []queue.Side{
		{Agency: "tax", Key: e.Code, Value: "青岚县明丰商贸有限公司", Role: queue.RoleMember, Row: 0},
		{Agency: "civil", Key: "M1", Value: "明丰商贸", Role: queue.RoleCandidate, Entity: "E00000043", For: []string{"NAME_ALIKE"}, Against: []string{"REP_DIFFERS"}, Row: -1},
	}
	if diff := cmp.Diff(want, r.Grounds.Sides); diff != "" || r.Severity != "low" || !r.Present {
		t.Errorf("severity %q, sides (-want +got):\n%s", r.Severity, diff)
	}
	f.Candidates[0].For = []entity.Reason{entity.ReasonNameEqual}
	if r := queue.OfEntity(e, &f, judgedOn); r.Severity != "" {
		t.Errorf("a tie is %s, want what the words of reviews say", r.Severity)
	}
}
