package simulate

// The codes of the findings.
const (
	paidAfterDeath    = "PAID_AFTER_DEATH"
	penaltyNotApplied = "PENALTY_NOT_APPLIED"
	paidAfterRetire   = "PAID_AFTER_RETIRE"
	paidAfterExit     = "PAID_AFTER_EXIT"
	pendingEntry      = "PENDING_ENTRY"
	payerMismatch     = "PAYER_MISMATCH"
	paidNoSlot        = "PAID_NO_SLOT"
	absentPaid        = "ABSENT_PAID"
	dualPay           = "DUAL_PAY"
	pensionAndPay     = "PENSION_AND_PAY"
	fundMismatch      = "FUND_MISMATCH"
	deadUnitPay       = "DEAD_UNIT_PAY"
	dualSlot          = "DUAL_SLOT"
	slotNoPay         = "SLOT_NO_PAY"
	slotStale         = "SLOT_STALE"
	mixedPost         = "MIXED_POST"
	secondmentOverdue = "SECONDMENT_OVERDUE"
	noPermitEntry     = "NO_PERMIT_ENTRY"
	insuredElsewhere  = "INSURED_ELSEWHERE"
	nameMismatch      = "NAME_MISMATCH"
	overQuota         = "OVER_QUOTA"
	overPosts         = "OVER_POSTS"
	contractOver      = "CONTRACT_OVER"
	badIdentity       = "BAD_IDENTITY"
)

// kind is a kind of case: persons with something wrong or something that only looks wrong.
type kind struct {
	name   string
	share  int            // persons of this kind among 100,000
	elder  bool           // the person is past retirement
	months int            // payroll months that it needs at least
	why    string         // why nothing is wrong; empty if something is
	build  func(*dossier) // writes the facts and the findings that follow from them
}

func allKinds() []kind { return append(wrongs(), explanations()...) }

// wrongs lists what earns a finding; wrong.go builds it. Findings of units (OVER_QUOTA, OVER_POSTS,
// CONTRACT_OVER) come from posts.go.
func wrongs() []kind {
	const share = 58
	return []kind{
		{name: "salary without a slot", share: share, build: (*dossier).neverHadSlot},
		{name: "salary after the slot ended", share: share, build: (*dossier).slotEnded},
		{name: "salary after the exemption ended", share: share, build: (*dossier).exemptionEnded},
		{name: "entry pending too long", share: share, build: (*dossier).entryOverdue},
		{name: "entry pending", share: share, build: (*dossier).entryPending, why: "已批准进编，在待入编宽限期内"},
		{name: "slot without pay", share: share, months: 3, build: (*dossier).slotUnpaid},
		{name: "dead, slot closed, salary goes on", share: share, build: (*dossier).deadPaid},
		{name: "dead, slot open, salary goes on", share: share, build: (*dossier).deadHolds},
		{name: "dead, pension goes on", share: share, elder: true, build: (*dossier).deadPensioned},
		{name: "penalty stops pay, salary goes on", share: share, build: (*dossier).stopIgnored},
		{name: "penalty cuts pay, salary as before", share: share, months: 3, build: (*dossier).cutIgnored},
		{name: "retired, salary goes on", share: share, build: (*dossier).retiredPaid},
		{name: "retired, slot left open", share: share, build: (*dossier).retiredHolds},
		{name: "left, salary goes on", share: share, build: (*dossier).leftPaid},
		{name: "left, slot left open", share: share, build: (*dossier).leftHolds},
		{name: "paid by another unit than the slot's", share: share, build: (*dossier).wrongPayer},
		{name: "away without leave", share: share, build: (*dossier).away},
		{name: "away without leave in two stays that touch", share: share, build: (*dossier).awayTwice},
		{name: "two salaries", share: share, build: (*dossier).twoSalaries},
		{name: "two salaries long after a transfer", share: share, build: (*dossier).transferOverrun},
		{name: "rehired with pension and salary", share: share, elder: true, build: (*dossier).rehiredPensioned},
		{name: "retired with pension and salary", share: share, elder: true, build: (*dossier).retiredPensioned},
		{name: "fund channel that the slot does not admit", share: share, build: (*dossier).wrongFund},
		{name: "two slots", share: share, build: (*dossier).twoSlots},
		{name: "slot of a type that the unit may not hold", share: share, build: (*dossier).strangeSlot},
		{name: "seconded without approval", share: share, build: (*dossier).secondedWild},
		{name: "seconded too long", share: share, build: (*dossier).secondedLong},
		{name: "slot without a permit", share: share, build: (*dossier).permitMissing},
		{name: "permit after entry", share: share, build: (*dossier).permitLate},
		{name: "insured by another unit", share: share, build: (*dossier).insuredAway},
		{name: "other name in the payroll", share: share, build: (*dossier).otherName},
		{name: "paid by an abolished unit", share: share, build: (*dossier).deadUnit},
		{name: "bad number everywhere", share: share, build: (*dossier).badNumber},
		{name: "bad number in one payroll", share: share, build: (*dossier).badNumberOnce},
	}
}

// explanations lists what only looks wrong; explained.go builds it.
func explanations() []kind {
	const share = 105
	return []kind{
		{name: "exempt", share: 2 * share, build: (*dossier).exemptPost, why: "属特岗、公益性岗位、控制数等规定情形，可不占编领薪"},
		{name: "on aid assignment", share: share, build: (*dossier).aidAssignment, why: "援派人员，受援单位发放补贴"},
		{name: "left within grace", share: share, build: (*dossier).leftWithinGrace, why: "离职次月停薪，在离职宽限期内"},
		{name: "transfer within overlap", share: share, build: (*dossier).transferred, why: "调动当月新旧单位各发一次，在衔接期内"},
		{name: "unit renamed", share: share, build: (*dossier).unitRenamed, why: "单位已更名，编制仍登记在原代码"},
		{name: "unit merged", share: share, build: (*dossier).unitMerged, why: "单位已合并，编制仍登记在原代码"},
		{name: "unit split", share: share, build: (*dossier).unitSplit, why: "单位已分设，由分设单位之一发薪"},
		{name: "unit renamed, then merged", share: share, build: (*dossier).unitChained, why: "单位先更名后合并，编制仍登记在最早代码"},
		{name: "slot under both codes of a unit", share: share, build: (*dossier).slotTwiceRenamed, why: "更名前后两条编制记录实为同一单位"},
		{name: "moved on from an abolished unit", share: share, build: (*dossier).unitAbolished, why: "原单位撤销，已转隶新单位"},
		{name: "seconded with an allowance", share: share, build: (*dossier).secondedAllowance, why: "经批准借调，借入单位发放补贴"},
		{name: "seconded without pay at home", share: share, build: (*dossier).secondedUnpaid, why: "经批准借调，编制保留在原单位"},
		{name: "old number in the slot", share: share, build: (*dossier).shortNumber, why: "编制库为15位旧号码，与18位号码为同一人"},
		{name: "number written differently", share: share, build: (*dossier).looseNumber, why: "证件号码写法不同，清洗后一致"},
		{name: "rehired for a salary", share: share, elder: true, build: (*dossier).rehired, why: "退休返聘，已登记"},
		{name: "rehired for a labour fee", share: share, elder: true, build: (*dossier).rehiredLabour, why: "退休返聘领取劳务费，同时领取退休费"},
		{name: "died, grant paid", share: share, build: (*dossier).deadGrant, why: "死亡当月工资照发，次月发放抚恤金"},
		{name: "retired on time", share: share, build: (*dossier).retiredOnTime, why: "退休次月起改领退休费"},
		{name: "on approved leave without pay", share: share, build: (*dossier).approvedLeave, why: "经批准离岗学习，停薪保留编制"},
		{name: "away for a few days", share: share, build: (*dossier).awayShortly, why: "旷工未超过规定天数"},
		{name: "name written differently", share: share, build: (*dossier).looseName, why: "姓名仅书写形式不同"},
		{name: "paid late", share: share, months: 2, build: (*dossier).paidLate, why: "上月工资在本月补发，按所属期计"},
		{name: "penalty cut applied", share: share, build: (*dossier).cutApplied, why: "处分后已降低工资"},
		{name: "penalty stop applied", share: share, build: (*dossier).stopApplied, why: "处分后已停发工资，只发生活费"},
		{name: "just entered, not paid yet", share: share, build: (*dossier).justEntered, why: "新进入编，次月起薪"},
		{name: "resigned and hired again", share: share, build: (*dossier).hiredAgain, why: "辞职后重新录用"},
		{name: "salary by mistake, taken back", share: share, build: (*dossier).takenBack, why: "误发工资当月全额冲回"},
	}
}
