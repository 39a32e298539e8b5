//! How a PostgreSQL database stands, for whoever looks at it from beside the server.

use crate::{
    migrations::MIGRATIONS,
    postgres::{DatabaseError, DatabaseUrl, look},
    store::on_a_thread,
};

/// How a database stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseStanding {
    /// Which migrations it has seen; absent where the first start has yet to make the tables.
    pub schema: Option<u32>,
    /// A server writes to it.
    pub is_served: bool,
}

/// Looks at a database without changing it; says what is wrong with it as a server's start would.
pub fn database_standing(url: &DatabaseUrl) -> Result<DatabaseStanding, DatabaseError> {
    let (schema, is_served) = on_a_thread(|| look(url))?;
    let known = u32::try_from(MIGRATIONS.len()).expect("migrations are few");
    match schema {
        Some(found) if found > known => Err(DatabaseError::Newer {
            url: url.clone(),
            found,
            known,
        }),
        schema => Ok(DatabaseStanding { schema, is_served }),
    }
}
