//! What is said when something cannot be shown or done: what happened, and what to do now.

use super::Each;
use crate::Refusal;

pub struct Texts {
    pub unauthenticated: Said,
    pub forbidden: Said,
    /// Takes the names of the roles that may.
    pub roles_that_may: fn(&str) -> String,
    pub not_found: Said,
    pub malformed: Said,
    pub internal: Said,
    pub unavailable: Said,
    /// The reason follows.
    pub erased: Said,
    pub invalid: &'static str,
    pub refused: fn(&Refusal) -> String,
    pub sign_in: &'static str,
    pub to_overview: &'static str,
    /// Shown by a browser that has lost the server while a page is open.
    pub offline: &'static str,
}

/// A title, and a sentence that says what to do.
pub struct Said {
    pub title: &'static str,
    pub advice: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        unauthenticated: Said {
            title: "请先登录", advice: "登录后才能查看此页；会话可能已过期。"
        },
        forbidden: Said { title: "没有权限", advice: "您的角色不能执行此操作。" },
        roles_that_may: |roles| format!("可以执行此操作的角色：{roles}。"),
        not_found: Said {
            title: "没有找到", advice: "地址有误，或内容已不存在。"
        },
        malformed: Said {
            title: "请求无法识别", advice: "请返回上一页，刷新后重试。"
        },
        internal: Said {
            title: "系统出错",
            advice: "错误已记录。请稍后重试；若仍出现，请联系管理员。",
        },
        unavailable: Said {
            title: "数据库暂时不可用", advice: "没有任何改动生效。请稍后重试。"
        },
        erased: Said {
            title: "已依法删除", advice: "只保留了哈希与说明。原因："
        },
        invalid: "有内容需要更正，已填写的都已保留。",
        refused: |refusal| match refusal {
            Refusal::Rollback(refusal) => (super::rollbacks::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Run(refusal) => (super::runs::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Rail(refusal) => (super::rails::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Opening(it) => (super::openings::TEXTS.zh.refused)(*it).to_owned(),
            Refusal::Window(it) => (super::windows::TEXTS.zh.refused)(*it).to_owned(),
            Refusal::Import(refusal) => (super::services::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Drill(refusal) => (super::drills::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Quarter(refusal) => (super::quarters::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::SpotCheck(it) => (super::spot_checks::TEXTS.zh.refused)(*it).to_owned(),
            Refusal::User(refusal) => (super::people::TEXTS.zh.refused)(*refusal).to_owned(),
            Refusal::Objective(refusal) => {
                (super::objectives::TEXTS.zh.refused)(*refusal).to_owned()
            }
        },
        sign_in: "去登录",
        to_overview: "回到总览",
        offline: "与服务器的连接已断开，页面可能不是最新。正在重新连接…",
    },
    en: Texts {
        unauthenticated: Said {
            title: "Please sign in",
            advice: "This page is for people who are signed in; your session may have ended.",
        },
        forbidden: Said { title: "Not allowed", advice: "Your roles do not allow this." },
        roles_that_may: |roles| format!(" Roles that may: {roles}."),
        not_found: Said {
            title: "Not found",
            advice: "The address is wrong, or what it named is gone.",
        },
        malformed: Said {
            title: "The request was not understood",
            advice: "Go back, load the page again and retry.",
        },
        internal: Said {
            title: "Something went wrong on our side",
            advice: "It has been recorded. Try again in a moment; if it stays, tell your administrator.",
        },
        unavailable: Said {
            title: "The database is away for the moment",
            advice: "Nothing was changed. Please try again in a moment.",
        },
        erased: Said { title: "Erased", advice: "Only its hash and its row were kept. Reason:" },
        invalid: "Something needs to be corrected; what you typed is kept.",
        refused: |refusal| match refusal {
            Refusal::Rollback(refusal) => (super::rollbacks::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Run(refusal) => (super::runs::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Rail(refusal) => (super::rails::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Opening(it) => (super::openings::TEXTS.en.refused)(*it).to_owned(),
            Refusal::Window(it) => (super::windows::TEXTS.en.refused)(*it).to_owned(),
            Refusal::Import(refusal) => (super::services::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Drill(refusal) => (super::drills::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Quarter(refusal) => (super::quarters::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::SpotCheck(it) => (super::spot_checks::TEXTS.en.refused)(*it).to_owned(),
            Refusal::User(refusal) => (super::people::TEXTS.en.refused)(*refusal).to_owned(),
            Refusal::Objective(refusal) => {
                (super::objectives::TEXTS.en.refused)(*refusal).to_owned()
            }
        },
        sign_in: "Sign in",
        to_overview: "Go to the overview",
        offline: "The connection to the server is lost, so this page may be out of date. Reconnecting…",
    },
};
