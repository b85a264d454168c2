package schemas

import (
	"log/slog"

	"hebian/schemas/ident"
)

// IDNumber is an identity number as cleaned: ident.Clean of what the agency wrote. It masks itself
// in logs and messages (ident.Mask).
type IDNumber string

// Person is the person key of the number, or "" when it gives none. A birth date in the future of
// the as-of date takes the key away again; that is the matcher's to judge.
func (n IDNumber) Person() string { return ident.PersonKey(string(n)) }

// LogValue masks the number.
func (n IDNumber) LogValue() slog.Value { return slog.StringValue(ident.Mask(string(n))) }

// UnitCode is the code of a unit or another legal entity as cleaned. Its check character is not judged.
type UnitCode string

// The value sets. A value is stored as its Avro symbol; x-labels of the schema says how agencies
// write it.
type (
	UnitType              string
	UnitStatus            string
	SlotType              string
	FundChannel           string
	LeaderRank            string
	SuccessionKind        string
	ExemptionCategory     string
	WageType              string
	PayClass              string
	EventKind             string
	AbsenceKind           string
	YesNo                 string
	PayEffect             string
	RegistrationStatus    string
	RegistrationEventKind string
	DutyKind              string
	OnlineNameKind        string
)

// The unit types.
const (
	UnitAdmin            UnitType = "ADMIN"
	UnitCivilServiceLike UnitType = "CIVIL_SERVICE_LIKE" // 参公
	UnitFull             UnitType = "FULL"               // funded in full
	UnitPartial          UnitType = "PARTIAL"            // funded in part
	UnitSelf             UnitType = "SELF"               // funds itself
)

// The unit statuses.
const (
	UnitNormal    UnitStatus = "NORMAL"
	UnitWithdrawn UnitStatus = "WITHDRAWN"
)

// The slot types.
const (
	SlotAdmin            SlotType = "ADMIN"
	SlotPoliceSpecial    SlotType = "POLICE_SPECIAL" // 政法专项
	SlotCivilServiceLike SlotType = "CIVIL_SERVICE_LIKE"
	SlotFull             SlotType = "FULL"
	SlotPartial          SlotType = "PARTIAL"
	SlotSelf             SlotType = "SELF"
	SlotWorker           SlotType = "WORKER" // 工勤
)

// The fund channels.
const (
	FundFull    FundChannel = "FULL"
	FundPartial FundChannel = "PARTIAL"
	FundSelf    FundChannel = "SELF"
)

// The ranks of leaders.
const (
	Chief  LeaderRank = "CHIEF"
	Deputy LeaderRank = "DEPUTY"
)

// The kinds of succession.
const (
	Rename  SuccessionKind = "RENAME"
	Merge   SuccessionKind = "MERGE"
	Split   SuccessionKind = "SPLIT"
	Abolish SuccessionKind = "ABOLISH"
)

// The categories of exemption.
const (
	ExemptSpecialPostTeacher ExemptionCategory = "SPECIAL_POST_TEACHER" // 特岗
	ExemptRuralService       ExemptionCategory = "RURAL_SERVICE"        // 三支一扶
	ExemptWelfarePost        ExemptionCategory = "WELFARE_POST"         // 公益性岗位
	ExemptControlNumber      ExemptionCategory = "CONTROL_NUMBER"       // 控制数
	ExemptRehired            ExemptionCategory = "REHIRED"              // 返聘
	ExemptVeteranWaiting     ExemptionCategory = "VETERAN_WAITING"      // 军转待安置
	ExemptAidAssignment      ExemptionCategory = "AID_ASSIGNMENT"       // 援派
)

// The wage types.
const (
	WageBasic               WageType = "BASIC"
	WageAllowance           WageType = "ALLOWANCE"
	WagePerformance         WageType = "PERFORMANCE"
	WageBackPay             WageType = "BACK_PAY"
	WageYearEndBonus        WageType = "YEAR_END_BONUS"
	WageOffset              WageType = "OFFSET" // 冲减, negative
	WageRetiredCadrePension WageType = "RETIRED_CADRE_PENSION"
	WagePension             WageType = "PENSION"
	WageSurvivorSubsidy     WageType = "SURVIVOR_SUBSIDY"
	WageDeathGrant          WageType = "DEATH_GRANT"
	WageLivingAllowance     WageType = "LIVING_ALLOWANCE"
	WageLabourFee           WageType = "LABOUR_FEE"
)

// The pay classes.
const (
	ClassRegular    PayClass = "REG" // basic pay, allowances, performance pay
	ClassArrears    PayClass = "ARR" // back pay
	ClassBonus      PayClass = "BON" // year-end bonus
	ClassCorrection PayClass = "COR" // offset, negative
	ClassPension    PayClass = "PEN"
	ClassSurvivor   PayClass = "SUR"
	ClassSeverance  PayClass = "SEV"
	ClassLiving     PayClass = "LIV"
	ClassContract   PayClass = "CON"
)

// The kinds of staff event.
const (
	EventHire        EventKind = "HIRE"
	EventRetire      EventKind = "RETIRE"
	EventResign      EventKind = "RESIGN"
	EventDismiss     EventKind = "DISMISS"
	EventTransferOut EventKind = "TRANSFER_OUT"
	EventExpel       EventKind = "EXPEL"
)

// The kinds of absence.
const (
	AbsenceSick     AbsenceKind = "SICK"
	AbsencePersonal AbsenceKind = "PERSONAL"
	AbsenceAbsent   AbsenceKind = "ABSENT" // without leave
	AbsenceStudy    AbsenceKind = "STUDY"
)

// Yes and No.
const (
	Yes YesNo = "Y"
	No  YesNo = "N"
)

// The effects of a penalty on pay.
const (
	PayStop PayEffect = "STOP"
	PayCut  PayEffect = "CUT"
)

// How a legal entity stands, one symbol for each word that agencies use.
const (
	StatusExisting      RegistrationStatus = "EXISTING"        // 存续
	StatusInOperation   RegistrationStatus = "IN_OPERATION"    // 在业
	StatusNormal        RegistrationStatus = "NORMAL"          // 正常
	StatusOpen          RegistrationStatus = "OPEN"            // 开业
	StatusPreparing     RegistrationStatus = "PREPARING"       // 筹建
	StatusSuspended     RegistrationStatus = "SUSPENDED"       // 停业
	StatusOutOfBusiness RegistrationStatus = "OUT_OF_BUSINESS" // 歇业
	StatusLiquidating   RegistrationStatus = "LIQUIDATING"     // 清算
	StatusRevoked       RegistrationStatus = "REVOKED"         // 吊销
	StatusWithdrawn     RegistrationStatus = "WITHDRAWN"       // 撤销
	StatusClosed        RegistrationStatus = "CLOSED"          // 注销
	StatusAbnormal      RegistrationStatus = "ABNORMAL"        // 非正常, of taxpayers only
	StatusMoved         RegistrationStatus = "MOVED"           // 迁出
)

// The kinds of registration event.
const (
	EventRegister     RegistrationEventKind = "REGISTER"
	EventChange       RegistrationEventKind = "CHANGE"
	EventDeregister   RegistrationEventKind = "DEREGISTER"
	EventNotice       RegistrationEventKind = "NOTICE"
	EventAnnualReport RegistrationEventKind = "ANNUAL_REPORT"
)

// The kinds of power and duty.
const (
	DutyLicence      DutyKind = "LICENCE"
	DutySanction     DutyKind = "SANCTION"
	DutyCoercion     DutyKind = "COERCION"
	DutyLevy         DutyKind = "LEVY"
	DutyGrant        DutyKind = "GRANT"
	DutyInspection   DutyKind = "INSPECTION"
	DutyConfirmation DutyKind = "CONFIRMATION"
	DutyReward       DutyKind = "REWARD"
	DutyRuling       DutyKind = "RULING"
	DutyOther        DutyKind = "OTHER"
)

// The kinds of online name.
const (
	OnlineGovernment    OnlineNameKind = "GOVERNMENT"     // .政务
	OnlinePublicBenefit OnlineNameKind = "PUBLIC_BENEFIT" // .公益
)

// Class is the pay class of a wage type.
func (w WageType) Class() PayClass {
	switch w {
	case WageBasic, WageAllowance, WagePerformance:
		return ClassRegular
	case WageBackPay:
		return ClassArrears
	case WageYearEndBonus:
		return ClassBonus
	case WageOffset:
		return ClassCorrection
	case WageRetiredCadrePension, WagePension:
		return ClassPension
	case WageSurvivorSubsidy:
		return ClassSurvivor
	case WageDeathGrant:
		return ClassSeverance
	case WageLivingAllowance:
		return ClassLiving
	case WageLabourFee:
		return ClassContract
	}
	panic("wage type without a pay class: " + string(w))
}

// Admits says whether a slot of the type may be paid through the channel.
func (t SlotType) Admits(c FundChannel) bool {
	switch t {
	case SlotAdmin, SlotPoliceSpecial, SlotCivilServiceLike, SlotFull:
		return c == FundFull
	case SlotPartial:
		return c == FundPartial
	case SlotSelf:
		return c == FundSelf
	case SlotWorker:
		return c == FundFull || c == FundPartial
	}
	return false
}

// Admits says whether a unit of the type may hold slots of the type s.
func (t UnitType) Admits(s SlotType) bool {
	switch t {
	case UnitAdmin:
		return s == SlotAdmin || s == SlotPoliceSpecial || s == SlotWorker
	case UnitCivilServiceLike:
		return s == SlotCivilServiceLike || s == SlotWorker
	case UnitFull:
		return s == SlotFull || s == SlotWorker
	case UnitPartial:
		return s == SlotPartial || s == SlotWorker
	case UnitSelf:
		return s == SlotSelf
	}
	return false
}

func personOr(person string, n IDNumber) string {
	if person != "" {
		return person
	}
	return string(n)
}

func interval(field string, from Date, to *Date) (string, Reason) {
	if to != nil && *to <= from {
		return field, ReasonInterval
	}
	return "", ""
}
