use super::*;
use crate::policy::{LimitUnit, PlanAuth, RateLimit};
use crate::usage::UsageSlot;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn plan(id: u64, requests_per_unit: u64, unit: LimitUnit) -> ProductPlan {
    ProductPlan {
        name: "gold".into(),
        auth: PlanAuth::Unsaid,
        issuer: None,
        rate_limit: Some(RateLimit { requests_per_unit, unit }),
        id,
        usage: UsageSlot::new(),
    }
}

fn table(callers: usize) -> Table {
    Table::new(callers, Arc::default())
}

fn count(table: &Table, plan: &ProductPlan, caller: &str, now: UnixTime) -> Counted {
    let limit = plan.rate_limit.expect("a limit");
    let most = u32::try_from(limit.requests_per_unit).expect("small");
    let key = table.key(plan, ("issuer", caller));
    table.count(key, most, Window::at(limit.unit, now), now)
}

fn passes(table: &Table, plan: &ProductPlan, caller: &str, now: UnixTime) -> bool {
    count(table, plan, caller, now) != Counted::Over
}

/// How many of `tries` pass at once.
fn passing(table: &Table, plan: &ProductPlan, caller: &str, now: UnixTime, tries: u32) -> usize {
    (0..tries).filter(|_| passes(table, plan, caller, now)).count()
}

#[test]
fn counts_each_caller_and_product_up_to_the_limit_of_a_window() {
    let table = table(1000);
    let (pets, store) = (plan(1, 5, LimitUnit::Minute), plan(2, 5, LimitUnit::Minute));
    assert_eq!(count(&table, &pets, "anna", NOW), Counted::Within(1));
    assert_eq!(passing(&table, &pets, "anna", NOW, 12), 4);
    assert_eq!(passing(&table, &pets, "ben", NOW, 12), 5, "another caller");
    assert_eq!(passing(&table, &store, "anna", NOW, 12), 5, "another product");
    let last = UnixTime(NOW.0 + 59);
    assert_eq!(passing(&table, &pets, "anna", last, 3), 0, "the window's last second");
    let next = UnixTime(NOW.0 + 60);
    assert_eq!(passing(&table, &pets, "anna", next, 12), 5, "the next window's first");
    assert_eq!(passing(&table, &plan(3, 0, LimitUnit::Day), "anna", NOW, 3), 0, "none at all");
    assert_eq!(table.standing.forgotten(), 0);
}

#[test]
fn a_clock_that_is_set_back_gives_no_fresh_limit_and_locks_nobody_out() {
    let table = table(1000);
    let plan = plan(1, 5, LimitUnit::Minute);
    assert_eq!(passing(&table, &plan, "anna", NOW, 12), 5);
    let before = UnixTime(NOW.0 - 1);
    assert_eq!(passing(&table, &plan, "anna", before, 12), 0, "the window before");
    assert_eq!(passing(&table, &plan, "anna", NOW, 12), 0, "and back");
    let long_ago = UnixTime(NOW.0 - 86_400);
    assert_eq!(passing(&table, &plan, "anna", long_ago, 12), 5);
}

#[test]
fn a_limit_that_is_changed_counts_what_was_used_before() {
    let table = table(1000);
    assert_eq!(passing(&table, &plan(1, 5, LimitUnit::Minute), "anna", NOW, 12), 5);
    assert_eq!(passing(&table, &plan(1, 3, LimitUnit::Minute), "anna", NOW, 12), 0);
    assert_eq!(passing(&table, &plan(1, 8, LimitUnit::Minute), "anna", NOW, 12), 3);
}

#[test]
fn what_is_known_from_elsewhere_counts_here_and_never_takes_anything_back() {
    let table = table(1000);
    let plan = plan(1, 5, LimitUnit::Minute);
    let window = Window::at(LimitUnit::Minute, NOW);
    let key = table.key(&plan, ("issuer", "anna"));
    assert!(!table.is_over(key, 5, window));
    table.learn(key, 4, 5, window, NOW);
    table.learn(key, 2, 5, window, NOW);
    assert!(!table.is_over(key, 5, window) && table.is_over(key, 4, window));
    assert_eq!(passing(&table, &plan, "anna", NOW, 12), 1);
    assert!(table.is_over(key, 5, window));
    assert!(!table.is_over(key, 5, Window::at(LimitUnit::Minute, window.ends)));
}

/// A table that is far too small forgets who has used least, and never who is at the limit.
#[test]
fn further_callers_give_nobody_a_fresh_limit() {
    let table = table(1);
    assert_eq!(table.places(), WAYS * SHARDS);
    let plan = plan(1, 10, LimitUnit::Day);
    // So few that all find a place.
    let used_up: Vec<String> = (0..64).map(|number| format!("u{number}")).collect();
    for caller in &used_up {
        assert_eq!(passing(&table, &plan, caller, NOW, 12), 10);
    }
    assert_eq!(table.standing.forgotten(), 0);
    for number in 0..100_000 {
        assert!(passes(&table, &plan, &format!("f{number}"), NOW));
    }
    assert!(table.standing.forgotten() > 90_000);
    for caller in &used_up {
        assert!(!passes(&table, &plan, caller, NOW), "{caller}");
    }
    // Windows that are over are nobody's loss.
    let forgotten = table.standing.forgotten();
    let tomorrow = UnixTime(NOW.0 + 86_400);
    assert_eq!(passing(&table, &plan, "anna", tomorrow, 12), 10);
    assert_eq!(table.standing.forgotten(), forgotten);
}

#[test]
fn has_room_for_as_many_as_it_says() {
    let table = table(20_000);
    let plan = plan(1, 10, LimitUnit::Day);
    for number in 0..20_000 {
        assert!(passes(&table, &plan, &number.to_string(), NOW));
    }
    // Of one in some ten thousand all places may be taken.
    assert!(table.standing.forgotten() < 20, "{}", table.standing.forgotten());
}

#[test]
fn parallel_requests_pass_exactly_as_often_as_the_limit_says() {
    let table = table(1000);
    let plan = plan(1, 137, LimitUnit::Hour);
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                passed.fetch_add(passing(&table, &plan, "anna", NOW, 100), Ordering::SeqCst)
            });
        }
    });
    assert_eq!(passed.into_inner(), 137);
}

fn units() -> impl Strategy<Value = LimitUnit> {
    prop::sample::select(LimitUnit::ALL.map(|(_, unit)| unit).to_vec())
}

proptest! {
    /// Held against a map that forgets nobody.
    #[test]
    fn agrees_with_a_map(
        plans in prop::collection::vec((0..6_u64, units()), 1..4),
        steps in prop::collection::vec((0..4_usize, 0..5_u8, prop_oneof![4 => 0..3_u64, 1 => 0..5000_u64]), 1..200),
    ) {
        let table = table(1000);
        let plans: Vec<ProductPlan> =
            (1..).zip(plans).map(|(id, (limit, unit))| plan(id, limit, unit)).collect();
        let mut model: HashMap<(u64, u8), (Window, u64)> = HashMap::new();
        let mut now = NOW;
        for (number, caller, later) in steps {
            now = UnixTime(now.0 + later);
            let plan = &plans[number % plans.len()];
            let limit = plan.rate_limit.expect("a limit");
            let window = Window::at(limit.unit, now);
            let known = model.entry((plan.id, caller)).or_insert((window, 0));
            if known.0 != window {
                *known = (window, 0);
            }
            let want = if known.1 < limit.requests_per_unit {
                known.1 += 1;
                Counted::Within(known.1)
            } else {
                Counted::Over
            };
            prop_assert_eq!(count(&table, plan, &caller.to_string(), now), want);
        }
    }
}
