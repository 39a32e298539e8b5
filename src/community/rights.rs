//! Who may do what: one pure function, asked for every verb.
//!
//! Rank decides: one acts only upon people of a lower rank, and never upon oneself. The host of a
//! room ranks between members and moderators, in that room only: whoever runs a show must be able
//! to keep it clean without waiting for staff. A co-host ranks below the host and keeps order like
//! one, but neither publishes nor moves the broadcast. Mutes, bans and phases are not rights but facts;
//! the room checks them.

use protocol::{Code, Refusal, server::Mark};

use crate::member::Role;

/// A role as it counts in one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub role: Role,
    /// Made this room, or opened its current broadcast.
    pub host: bool,
    /// Runs its current broadcast beside the host.
    pub co_host: bool,
}

impl Standing {
    /// The mark beside the name: the highest of what one is.
    pub const fn mark(self) -> Mark {
        match self.role {
            Role::Owner => Mark::Owner,
            Role::Moderator => Mark::Moderator,
            Role::Member if self.host => Mark::Host,
            Role::Member if self.co_host => Mark::CoHost,
            Role::Member => Mark::Member,
            // A guest cannot make a room nor go live, so a host's mark on one would be a lie.
            Role::Guest => Mark::Guest,
        }
    }

    fn outranks(self, other: Self) -> bool {
        self.mark() > other.mark()
    }

    pub(crate) const fn runs_the_room(self) -> bool {
        matches!(
            self.mark(),
            Mark::CoHost | Mark::Host | Mark::Moderator | Mark::Owner
        )
    }

    /// Whether the broadcast is this one's to begin and to end.
    fn runs_the_broadcast(self) -> bool {
        self.mark() >= Mark::Host
    }
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What can be done in a room.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Verb { $($(#[$doc])* $name,)* }

        impl Verb {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The verb's name in `Joined.can` and `Push::Rights`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

verbs! {
    /// Be in the room: see, hear, read.
    Watch = "watch",
    /// Publish a message.
    Talk = "talk",
    /// Send hearts.
    React = "react",
    /// Change a message of one's own.
    Edit = "edit",
    /// Delete a message.
    Delete = "delete",
    /// Delete a message of somebody else.
    DeleteAny = "delete_any",
    Mute = "mute",
    /// Put somebody out for a moment.
    Kick = "kick",
    Ban = "ban",
    /// Decide about messages that wait for review.
    Review = "review",
    /// Set the rules about words and links.
    Rules = "rules",
    SlowMode = "slow_mode",
    /// Say who may speak.
    Mode = "mode",
    /// Put something above the talk, or take it down.
    Pin = "pin",
    /// Pick questions and mark them answered.
    Questions = "questions",
    /// Ask by a poll, and close it.
    Polls = "polls",
    /// Schedule or open a broadcast, and publish.
    GoLive = "go_live",
    /// Pause, end or archive the broadcast.
    RunBroadcast = "run_broadcast",
    /// Say who runs the broadcast beside its host.
    CoHost = "co_host",
    /// Change a topic's title and tags, accept a reply.
    Topic = "topic",
    /// Lock, pin, feature and move a topic, say how far feedback is.
    KeepTopic = "keep_topic",
}

/// What a verb is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Room {
        guests: bool,
    },
    /// A room that is a topic; `own`: who asks started it.
    Topic {
        guests: bool,
        own: bool,
    },
    Message {
        own: bool,
        author: Standing,
    },
    Member {
        own: bool,
        standing: Standing,
    },
}

/// The answer of [`can`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny(Refusal),
}

impl Verdict {
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }

    pub fn into_result(self) -> Result<(), Refusal> {
        match self {
            Self::Allow => Ok(()),
            Self::Deny(refusal) => Err(refusal),
        }
    }
}

/// May one of this standing do this to that? An object that the verb has nothing to do with is
/// denied.
pub fn can(standing: Standing, verb: Verb, object: &Object) -> Verdict {
    match (verb, *object) {
        (
            Verb::Watch | Verb::Talk | Verb::React,
            Object::Room { guests } | Object::Topic { guests, .. },
        ) => {
            if guests || standing.role != Role::Guest {
                Verdict::Allow
            } else {
                Verdict::Deny(Refusal::new(
                    Code::GuestsNotAllowed,
                    "this room is for members: sign in to enter",
                ))
            }
        }
        (Verb::Edit, Object::Message { own, .. }) => {
            allow_if(own, "only the author may change a message")
        }
        (Verb::Delete, Object::Message { own, author }) => {
            if own {
                Verdict::Allow
            } else {
                can(standing, Verb::DeleteAny, &Object::Message { own, author })
            }
        }
        (Verb::DeleteAny, Object::Message { own, author }) => allow_if(
            own || (standing.runs_the_room() && standing.outranks(author)),
            "only the author, the host and moderators may delete a message",
        ),
        (
            Verb::Mute | Verb::Kick | Verb::Ban,
            Object::Member {
                own,
                standing: target,
            },
        ) => {
            if own {
                return deny("this cannot be done to oneself");
            }
            if !standing.runs_the_room() {
                return deny("only the host and moderators may do this");
            }
            allow_if(
                standing.outranks(target),
                "this cannot be done to someone of your own rank or above",
            )
        }
        (Verb::Topic, Object::Topic { own, .. }) => allow_if(
            own || standing.runs_the_room(),
            "only who started this topic and moderators may change it",
        ),
        (Verb::KeepTopic, Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only moderators may do this to a topic",
        ),
        (Verb::Review, Object::Room { .. } | Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may review messages",
        ),
        (Verb::Rules, Object::Room { .. } | Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may see and set the rules",
        ),
        (Verb::SlowMode, Object::Room { .. } | Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may change slow mode",
        ),
        (Verb::Mode, Object::Room { .. } | Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may say who speaks",
        ),
        (Verb::Pin, Object::Room { .. } | Object::Topic { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may pin something",
        ),
        (Verb::Questions, Object::Room { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may pick questions",
        ),
        (Verb::Polls, Object::Room { .. }) => allow_if(
            standing.runs_the_room(),
            "only the host and moderators may make and close polls",
        ),
        (Verb::Polls, Object::Topic { own, .. }) => allow_if(
            own || standing.runs_the_room(),
            "only who started this topic and moderators may make and close polls",
        ),
        (Verb::GoLive | Verb::RunBroadcast, Object::Room { .. }) => allow_if(
            standing.runs_the_broadcast(),
            "only who made this room, moderators and the owner may go live here",
        ),
        (Verb::CoHost, Object::Room { .. }) => allow_if(
            standing.runs_the_broadcast(),
            "only the host and moderators may say who is co-host",
        ),
        _ => deny("this is not possible here"),
    }
}

/// The names of all verbs that one of this standing may do to the room, or to something in it.
pub fn names(standing: Standing, room: &Object) -> Vec<String> {
    let lowest = Standing {
        role: Role::Guest,
        host: false,
        co_host: false,
    };
    Verb::ALL
        .iter()
        .filter(|verb| {
            let object = match verb {
                Verb::Edit | Verb::Delete => Object::Message {
                    own: true,
                    author: standing,
                },
                Verb::DeleteAny => Object::Message {
                    own: false,
                    author: lowest,
                },
                Verb::Mute | Verb::Kick | Verb::Ban => Object::Member {
                    own: false,
                    standing: lowest,
                },
                _ => *room,
            };
            can(standing, **verb, &object).is_allowed()
        })
        .map(|verb| verb.as_str().to_owned())
        .collect()
}

fn allow_if(fine: bool, words: &str) -> Verdict {
    if fine { Verdict::Allow } else { deny(words) }
}

fn deny(words: &str) -> Verdict {
    Verdict::Deny(Refusal::new(Code::NotPermitted, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDINGS: [Standing; 10] = {
        const fn of(role: Role, host: bool) -> Standing {
            Standing {
                role,
                host,
                co_host: false,
            }
        }
        [
            of(Role::Guest, false),
            of(Role::Member, false),
            Standing {
                role: Role::Member,
                host: false,
                co_host: true,
            },
            of(Role::Member, true),
            of(Role::Moderator, false),
            of(Role::Owner, false),
            of(Role::Guest, true),
            of(Role::Moderator, true),
            of(Role::Owner, true),
            Standing {
                role: Role::Guest,
                host: false,
                co_host: true,
            },
        ]
    };

    /// Who may do what to things of the room, column by column: guest, member, co-host, host,
    /// moderator, owner.
    const TABLE: &[(Verb, [bool; 6])] = &[
        (Verb::Watch, [true, true, true, true, true, true]),
        (Verb::Talk, [true, true, true, true, true, true]),
        (Verb::React, [true, true, true, true, true, true]),
        (Verb::Edit, [true, true, true, true, true, true]),
        (Verb::Delete, [true, true, true, true, true, true]),
        (Verb::DeleteAny, [false, false, true, true, true, true]),
        (Verb::Mute, [false, false, true, true, true, true]),
        (Verb::Kick, [false, false, true, true, true, true]),
        (Verb::Ban, [false, false, true, true, true, true]),
        (Verb::Review, [false, false, true, true, true, true]),
        (Verb::Rules, [false, false, true, true, true, true]),
        (Verb::SlowMode, [false, false, true, true, true, true]),
        (Verb::Mode, [false, false, true, true, true, true]),
        (Verb::Pin, [false, false, true, true, true, true]),
        (Verb::Questions, [false, false, true, true, true, true]),
        (Verb::Polls, [false, false, true, true, true, true]),
        (Verb::GoLive, [false, false, false, true, true, true]),
        (Verb::RunBroadcast, [false, false, false, true, true, true]),
        (Verb::CoHost, [false, false, false, true, true, true]),
    ];

    #[test]
    fn every_role_has_the_verbs_of_the_table_and_no_other() {
        let listed: Vec<Verb> = TABLE.iter().map(|it| it.0).collect();
        let of_rooms: Vec<Verb> = Verb::ALL
            .iter()
            .copied()
            .filter(|it| !matches!(it, Verb::Topic | Verb::KeepTopic))
            .collect();
        assert_eq!(listed, of_rooms, "the table names every verb");
        for (column, standing) in STANDINGS[..6].iter().enumerate() {
            let expected: Vec<&str> = TABLE
                .iter()
                .filter(|it| it.1[column])
                .map(|it| it.0.as_str())
                .collect();
            assert_eq!(
                names(*standing, &Object::Room { guests: true }),
                expected,
                "{standing:?}"
            );
        }
    }

    #[test]
    fn in_a_topic_nobody_goes_live_and_its_starter_is_no_moderator() {
        let all = |standing, own| names(standing, &Object::Topic { guests: true, own });
        let member = STANDINGS[1];
        assert_eq!(
            all(member, false),
            ["watch", "talk", "react", "edit", "delete"]
        );
        assert_eq!(
            all(member, true),
            ["watch", "talk", "react", "edit", "delete", "polls", "topic"]
        );
        let staff = all(STANDINGS[4], false);
        for verb in ["topic", "keep_topic", "delete_any", "ban", "slow_mode"] {
            assert!(staff.iter().any(|it| it == verb), "{verb}");
        }
        for verb in ["go_live", "run_broadcast", "co_host", "questions"] {
            assert!(!staff.iter().any(|it| it == verb), "{verb}");
        }
    }

    #[test]
    fn one_acts_only_upon_people_of_a_lower_rank_and_never_upon_oneself() {
        for standing in STANDINGS {
            for target in STANDINGS {
                for verb in [Verb::Mute, Verb::Kick, Verb::Ban] {
                    let may = standing.runs_the_room() && standing.mark() > target.mark();
                    let object = Object::Member {
                        own: false,
                        standing: target,
                    };
                    let seen = can(standing, verb, &object).is_allowed();
                    assert_eq!(seen, may, "{standing:?} {verb:?} {target:?}");
                    let object = Object::Member {
                        own: true,
                        standing: target,
                    };
                    assert!(
                        !can(standing, verb, &object).is_allowed(),
                        "{standing:?} on oneself"
                    );
                }
                let object = Object::Message {
                    own: false,
                    author: target,
                };
                let may = standing.runs_the_room() && standing.mark() > target.mark();
                assert_eq!(can(standing, Verb::Delete, &object).is_allowed(), may);
                assert_eq!(can(standing, Verb::DeleteAny, &object).is_allowed(), may);
                assert!(
                    !can(standing, Verb::Edit, &object).is_allowed(),
                    "{standing:?}"
                );
            }
        }
    }

    #[test]
    fn a_room_for_members_keeps_guests_out() {
        let guest = Standing {
            role: Role::Guest,
            host: false,
            co_host: false,
        };
        for verb in [Verb::Watch, Verb::Talk, Verb::React] {
            let verdict = can(guest, verb, &Object::Room { guests: false });
            let code = verdict.into_result().map_err(|it| it.code);
            assert_eq!(code, Err(Code::GuestsNotAllowed), "{verb:?}");
        }
        assert_eq!(
            names(guest, &Object::Room { guests: false }),
            ["edit", "delete"],
            "of what they said before"
        );
        for standing in &STANDINGS[1..6] {
            assert!(can(*standing, Verb::Watch, &Object::Room { guests: false }).is_allowed());
        }
    }

    #[test]
    fn a_verb_that_has_nothing_to_do_with_an_object_is_denied() {
        let owner = Standing {
            role: Role::Owner,
            host: true,
            co_host: false,
        };
        let room = Object::Room { guests: true };
        let member = Object::Member {
            own: false,
            standing: STANDINGS[0],
        };
        for (verb, object) in [
            (Verb::Mute, room),
            (Verb::Watch, member),
            (Verb::Edit, member),
        ] {
            assert!(
                !can(owner, verb, &object).is_allowed(),
                "{verb:?} {object:?}"
            );
        }
    }
}
