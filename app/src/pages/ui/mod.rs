//! The parts that pages are made of. They show what they are given and read nothing; how they look stands in
//! `style/`, under the same names.
//!
//! A page is [`page`] around its [`Head`] and then panels:
//!
//! ```text
//! page(t.title, async move {
//!     let runs = read(Action::ReadRuns, async |cx| …).await?;
//!     Ok(view! {
//!         {live("runs")}
//!         <Head title=t.title>{t.lede}</Head>
//!         <Panel id="runs" title=t.running>
//!             <Table label=t.running heads=vec![column(t.number), column(t.took).number()]>{rows}</Table>
//!         </Panel>
//!     })
//! })
//! ```
//!
//! | part | what it shows |
//! |---|---|
//! | [`badge`], [`mark`], [`number_of`] | a state as shape, colour and word; the same in a sentence; a count |
//! | [`Panel`], [`Halves`], [`Beside`] | a titled box; two columns; a column with its aside (first in the source) |
//! | [`Table`], [`column`], [`pager`] | rows that scroll inside themselves; heads that sort by link; keyset pages |
//! | [`facts`], [`stats`], [`Queue`] | label and value; figures with their target; what waits for somebody |
//! | [`countdown`], [`stopwatch`], [`when`], [`took`] | running limits; moments; durations |
//! | [`timeline`], [`steps`], [`checklist`] | what happened; a numbered plan; met or not met |
//! | [`diff`], [`digest`], [`phases`], [`command`] | what will change; a hash; where the time went; word for word |
//! | [`form`], [`dialog`], [`Sent`] | a server function to send, what became of it, and its fields |
//! | [`filters`], [`Query`], [`Sort`] | what a list is asked for in its address |
//! | [`chart`] | lines and bars over periods, each point a link to its rows, with the data in a table |
//! | [`empty`] | nothing to show, and why |

pub mod chart;
mod clock;
mod dialog;
mod diff;
mod facts;
mod field;
mod form;
mod frame;
mod live;
mod nav;
pub mod page;
pub mod panel;
mod phases;
mod query;
pub mod queue;
pub mod table;
mod timeline;
mod tone;
mod topbar;

pub use clock::{countdown, stopwatch, took, when, when_short};
pub use dialog::{dialog, opens};
pub use diff::{Line, command, diff, digest};
pub use facts::{Stat, empty, facts, stats};
pub use field::{Input, hidden};
pub use form::{Button, Sent, blocked, form, submit};
pub use frame::bare;
pub use live::live;
pub use page::NotFound;
pub use page::{Head, page};
pub use panel::{Beside, Halves, Panel};
pub use phases::{Phase, phases};
pub use query::{Query, Sort, filters, period};
pub use queue::{Queue, Waiting};
pub use table::{Column, Table, column, pager};
pub use timeline::{Check, Event, PlanStep, checklist, steps, timeline};
pub use tone::{Tone, badge, mark, number_of};
