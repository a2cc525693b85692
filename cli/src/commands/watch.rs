//! Counts and rates, live.

use std::collections::VecDeque;
use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Padding, Paragraph, Row, Sparkline, Table};
use ratatui::{DefaultTerminal, Frame};

use super::survey::Survey;
use crate::failure::Failure;
use crate::output::plain;
use crate::store::Store;

/// How many looks the plots go back.
const HISTORY: usize = 400;

/// How soon a key is noticed.
const TICK: Duration = Duration::from_millis(50);

/// What the view shows.
#[derive(Debug, Default)]
struct View {
    survey: Survey,
    /// Per second, between the last two looks.
    begun: f64,
    ended: f64,
    live: VecDeque<u64>,
    /// Begun and ended sessions between looks.
    changes: VecDeque<u64>,
    /// How long the last look took.
    took: Duration,
    /// What the store said last, if it failed.
    failure: Option<String>,
}

pub(super) async fn run(url: &str, interval: Duration) -> Result<(), Failure> {
    if !stdout().is_terminal() {
        return Err(Failure::new("watch draws on a terminal; for a program there is `stats --json`"));
    }
    let store = Store::open(url).await?;
    let scheme = url.split(':').next().unwrap_or_default().to_owned();
    // It puts the terminal back even if the program panics.
    let mut terminal = ratatui::try_init()?;
    let watched = watch(&mut terminal, &store, &scheme, interval).await;
    ratatui::try_restore()?;
    watched
}

async fn watch(terminal: &mut DefaultTerminal, store: &Store, scheme: &str, interval: Duration) -> Result<(), Failure> {
    let mut view = View::default();
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next {
            let started = Instant::now();
            // A store that is away comes back, so the view stays.
            match Survey::of(store, || {}).await {
                Ok(survey) => view.take(survey, interval),
                Err(failure) => view.failure = Some(failure.to_string()),
            }
            view.took = started.elapsed();
            // A look that takes long is not taken all the time.
            next = Instant::now() + interval.max(view.took * 4);
        }
        terminal.draw(|frame| view.draw(frame, scheme))?;
        if asked_to_end()? {
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

fn asked_to_end() -> Result<bool, Failure> {
    while event::poll(Duration::ZERO)? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl View {
    fn take(&mut self, survey: Survey, interval: Duration) {
        let first = self.live.is_empty();
        let begun = survey.handles.difference(&self.survey.handles).count();
        let ended = self.survey.handles.difference(&survey.handles).count();
        if !first {
            let seconds = interval.as_secs_f64().max(f64::EPSILON);
            (self.begun, self.ended) = (begun as f64 / seconds, ended as f64 / seconds);
            remember(&mut self.changes, (begun + ended) as u64);
        }
        remember(&mut self.live, survey.sessions);
        self.survey = survey;
        self.failure = None;
    }

    fn draw(&self, frame: &mut Frame<'_>, scheme: &str) {
        let [title, numbers, live, changes, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(9),
            Constraint::Min(4),
            Constraint::Min(4),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Line::from(vec![" cloakroom ".bold().reversed(), format!(" {scheme}: ").into()]), title);

        let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(numbers);
        let survey = &self.survey;
        let rows = [
            ("sessions", survey.sessions.to_string()),
            ("with a user", (survey.sessions - survey.anonymous).to_string()),
            ("active, 5 minutes", survey.active.to_string()),
            ("logins, 1 hour", survey.logins.to_string()),
            ("begun / s", format!("{:.1}", self.begun)),
            ("ended / s", format!("{:.1}", self.ended)),
        ];
        let widths = [Constraint::Length(20), Constraint::Min(8)];
        let table = Table::new(rows.map(|(name, value)| Row::new([name.to_owned(), value])), widths);
        frame.render_widget(table.block(Block::bordered().title("now").padding(Padding::horizontal(1))), left);

        let users = survey.busiest(6).into_iter().map(|(user, count)| Row::new([plain(user), count.to_string()]));
        let table = Table::new(users, [Constraint::Min(8), Constraint::Length(8)]);
        frame.render_widget(
            table.block(Block::bordered().title("most sessions").padding(Padding::horizontal(1))),
            right,
        );

        plot(frame, live, "live sessions", &self.live, Color::Green);
        plot(frame, changes, "begun and ended", &self.changes, Color::Yellow);

        let foot_text = match &self.failure {
            Some(failure) => Line::from(format!(" {failure}").red()),
            None => Line::from(format!(" looked in {} ms; q ends", self.took.as_millis()).dim()),
        };
        frame.render_widget(Paragraph::new(foot_text), foot);
    }
}

fn plot(frame: &mut Frame<'_>, area: ratatui::layout::Rect, title: &'static str, data: &VecDeque<u64>, color: Color) {
    let width = usize::from(area.width.saturating_sub(2));
    let newest: Vec<u64> = data.iter().skip(data.len().saturating_sub(width)).copied().collect();
    let block = Block::bordered().title(format!("{title}: {}", newest.last().copied().unwrap_or_default()));
    frame.render_widget(Sparkline::default().data(newest).style(color).block(block), area);
}

fn remember(history: &mut VecDeque<u64>, value: u64) {
    if history.len() == HISTORY {
        history.pop_front();
    }
    history.push_back(value);
}

#[cfg(test)]
mod tests {
    use cloakroom::Handle;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn survey(handles: std::ops::Range<u8>) -> Survey {
        let handles: std::collections::HashSet<_> = handles.map(|n| Handle::from_bytes([n; 16])).collect();
        Survey { sessions: handles.len() as u64, handles, ..Survey::default() }
    }

    #[test]
    fn rates_are_what_came_and_went_between_two_looks() {
        let mut view = View::default();
        view.take(survey(0..10), Duration::from_secs(2));
        assert_eq!((view.begun, view.ended), (0.0, 0.0), "the first look knows no rate");
        view.take(survey(4..12), Duration::from_secs(2));
        assert_eq!((view.begun, view.ended), (1.0, 2.0));
        assert_eq!(view.changes, [6]);
    }

    #[test]
    fn the_view_shows_counts_and_what_the_store_said() -> Result<(), Box<dyn std::error::Error>> {
        let mut view = View::default();
        view.take(survey(0..10), Duration::from_secs(2));
        view.failure = Some("the store is away".to_owned());
        let mut terminal = Terminal::new(TestBackend::new(70, 24))?;
        terminal.draw(|frame| view.draw(frame, "file"))?;
        let screen = terminal.backend().to_string();
        for part in ["cloakroom", "live sessions: 10", "begun / s", "the store is away"] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        Ok(())
    }
}
