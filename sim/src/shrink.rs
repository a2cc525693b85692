//! Cuts a plan that goes wrong down to what is needed for it.

use crate::plan::{Cookies, Plan, What};
use crate::planted::Planted;
use crate::rule::Rule;
use crate::world::play;

/// How many other fates are tried for each smaller plan: what is left out changes what is drawn for the rest.
const FATES: u64 = 24;

/// Makes the plan smaller at its nth place; none where there are no more places.
type Cut = fn(&Plan, usize) -> Option<Plan>;

/// From coarse to fine.
const CUTS: &[Cut] = &[leave_out_half, leave_out_steps, leave_out_actions, leave_out_troubles, soften_settings];

/// A smaller plan that breaks the same rule, by leaving out steps, actions and troubles.
pub fn shrink(mut plan: Plan, rule: Rule, planted: Option<Planted>) -> Plan {
    loop {
        let mut is_smaller = false;
        for cut in CUTS {
            let mut at = 0;
            while let Some(smaller) = cut(&plan, at) {
                match goes_wrong(smaller, rule, planted) {
                    Some(smaller) => (plan, is_smaller) = (smaller, true),
                    None => at += 1,
                }
            }
        }
        if !is_smaller {
            return plan;
        }
    }
}

/// The plan with the first fates under which it goes wrong.
fn goes_wrong(mut plan: Plan, rule: Rule, planted: Option<Planted>) -> Option<Plan> {
    let seed = plan.seed;
    (0..FATES).find_map(|fate| {
        plan.seed = seed.wrapping_add(fate);
        let broken = play(plan.clone(), planted, false).violation.filter(|violation| violation.rule == rule);
        broken.map(|_| plan.clone())
    })
}

fn leave_out_half(plan: &Plan, at: usize) -> Option<Plan> {
    let half = plan.steps.len() / 2;
    let steps = match at {
        _ if half == 0 => return None,
        0 => plan.steps[..half].to_vec(),
        1 => plan.steps[half..].to_vec(),
        _ => return None,
    };
    Some(Plan { steps, ..plan.clone() })
}

fn leave_out_steps(plan: &Plan, at: usize) -> Option<Plan> {
    let mut smaller = plan.clone();
    (at < smaller.steps.len()).then(|| smaller.steps.remove(at))?;
    Some(smaller)
}

fn leave_out_actions(plan: &Plan, at: usize) -> Option<Plan> {
    let mut smaller = plan.clone();
    let mut at = at;
    for step in &mut smaller.steps {
        let What::Request(request) = &mut step.what else { continue };
        if at < request.actions.len() {
            request.actions.remove(at);
            return Some(smaller);
        }
        at -= request.actions.len();
    }
    None
}

/// Requests without hang-ups, lost answers and second tasks.
fn leave_out_troubles(plan: &Plan, at: usize) -> Option<Plan> {
    let mut smaller = plan.clone();
    let troubled = smaller.steps.iter_mut().filter_map(|step| match &mut step.what {
        What::Request(request) => {
            let plain = request.hangs_up.is_none()
                && request.answer == Some(std::time::Duration::ZERO)
                && !request.two_tasks
                && request.status == 200
                && request.cookies == Cookies::Current;
            (!plain).then_some(request)
        }
        _ => None,
    });
    let mut troubled: Vec<_> = troubled.collect();
    let request = troubled.get_mut(at / 5)?;
    match at % 5 {
        0 => request.hangs_up = None,
        1 => request.answer = Some(std::time::Duration::ZERO),
        2 => request.two_tasks = false,
        3 => request.status = 200,
        _ => request.cookies = Cookies::Current,
    }
    (size(&smaller) < size(plan)).then_some(smaller).or_else(|| leave_out_troubles(plan, at + 1))
}

/// How much trouble there is in the requests of a plan.
fn size(plan: &Plan) -> usize {
    let troubles = plan.steps.iter().map(|step| match &step.what {
        What::Request(request) => {
            usize::from(request.hangs_up.is_some())
                + usize::from(request.answer != Some(std::time::Duration::ZERO))
                + usize::from(request.two_tasks)
                + usize::from(request.status != 200)
                + usize::from(request.cookies != Cookies::Current)
        }
        _ => 0,
    });
    troubles.sum()
}

fn soften_settings(plan: &Plan, at: usize) -> Option<Plan> {
    let mut smaller = plan.clone();
    let settings = &mut smaller.settings;
    let changed = match at {
        0 => std::mem::take(&mut settings.faults) > 0,
        1 => !std::mem::take(&mut settings.skew).is_zero(),
        2 => settings.renews_every.take().is_some(),
        3 => settings.user_limit.take().is_some(),
        4 => settings.room.take().is_some(),
        5 => std::mem::take(&mut settings.late_writes),
        6 => std::mem::take(&mut settings.at_once),
        _ => return None,
    };
    if changed { Some(smaller) } else { soften_settings(plan, at + 1) }
}
