//! The shop: its articles, and a visitor's cart.

use cloakroom::{Key, Result, Session};
use serde::{Deserialize, Serialize};

const CART: Key<Vec<Line>> = Key::new("cart");
const ORDERS: Key<u32> = Key::new("orders");

/// So that nobody fills a session by pressing a button.
const MOST_OF_AN_ARTICLE: u32 = 99;

/// Something to buy.
#[derive(Debug, Serialize)]
pub struct Article {
    /// What forms call it.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    about: &'static str,
    price: &'static str,
    #[serde(skip)]
    cents: u32,
}

/// All that there is.
pub const ARTICLES: &[Article] = &[
    Article { id: "mug", name: "Enamel mug", about: "Survives what it falls on", price: "9.50", cents: 950 },
    Article { id: "pen", name: "Fountain pen", about: "For the next guestbook", price: "24.00", cents: 2400 },
    Article { id: "scarf", name: "Wool scarf", about: "Forgotten here in 1987", price: "18.00", cents: 1800 },
    Article { id: "umbrella", name: "Umbrella", about: "Somebody else's, perhaps", price: "15.00", cents: 1500 },
];

/// The article that a form names.
pub fn article(id: &str) -> Option<&'static Article> {
    ARTICLES.iter().find(|article| article.id == id)
}

/// How many of an article are in the cart, as the session keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    article: String,
    amount: u32,
}

/// The cart as it is shown.
#[derive(Debug, Serialize)]
pub struct Bill {
    lines: Vec<(&'static Article, u32)>,
    total: String,
}

/// What is in the cart, and what it comes to.
///
/// # Errors
///
/// Those of the session.
pub fn bill() -> Result<Bill> {
    let cart = Session::current()?.get(CART)?.unwrap_or_default();
    let lines: Vec<_> = cart.iter().filter_map(|line| Some((article(&line.article)?, line.amount))).collect();
    let cents: u32 = lines.iter().map(|(article, amount)| article.cents * amount).sum();
    Ok(Bill { lines, total: format!("{}.{:02}", cents / 100, cents % 100) })
}

/// Puts one more into the cart. If another tab changes the cart at the same time, `update` does this again on what that
/// one left, so both count.
///
/// # Errors
///
/// Those of the session.
pub fn add(article: &'static Article) -> Result<()> {
    change(article, |amount| (amount + 1).min(MOST_OF_AN_ARTICLE))
}

/// Takes one out of the cart.
///
/// # Errors
///
/// Those of the session.
pub fn remove(article: &'static Article) -> Result<()> {
    change(article, |amount| amount.saturating_sub(1))
}

fn change(article: &'static Article, by: fn(u32) -> u32) -> Result<()> {
    Session::current()?.update(CART, move |cart| {
        let mut cart = cart.unwrap_or_default();
        match cart.iter_mut().find(|line| line.article == article.id) {
            Some(line) => line.amount = by(line.amount),
            None => cart.push(Line { article: article.id.to_owned(), amount: by(0) }),
        }
        cart.retain(|line| line.amount > 0);
        cart
    })?;
    Ok(())
}

/// Orders what is in the cart, and answers how many articles that were.
///
/// The cart and the number of orders belong together: pressed in two tabs at once, one of them orders nothing.
///
/// # Errors
///
/// Those of the session.
pub fn order() -> Result<u32> {
    Session::current()?.transaction(|view| {
        let amount = view.get(CART)?.unwrap_or_default().iter().map(|line| line.amount).sum();
        if amount > 0 {
            view.remove(CART.name());
            view.set(ORDERS, view.get(ORDERS)?.unwrap_or(0) + 1)?;
        }
        Ok(amount)
    })
}
