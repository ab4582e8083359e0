//! Words about accounts, roles, tokens and the audit log.

use super::Each;
use crate::access::Role;
use crate::users::Refusal;

pub struct Texts {
    pub refused: fn(Refusal) -> &'static str,
    pub role: fn(Role) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        refused: |refusal| match refusal {
            Refusal::OwnGrant => "角色须由申请人以外的另一位管理员同意后才生效。",
            Refusal::OwnRole => "不能同意授予自己的角色。",
            Refusal::NotWaiting => "该授权已不在等待同意。",
            Refusal::Ended => "该授权已结束。",
            Refusal::OwnAccount => "不能停用自己的账号。",
            Refusal::LastAdministrator => "必须保留最后一位管理员。",
        },
        role: |role| match role {
            Role::Viewer => "查看者",
            Role::Responder => "响应人员",
            Role::Sre => "SRE",
            Role::Dba => "DBA",
            Role::Pmo => "PMO",
            Role::Admin => "管理员",
        },
    },
    en: Texts {
        refused: |refusal| match refusal {
            Refusal::OwnGrant => {
                "A role takes effect only after the consent of an administrator who did not ask for it."
            }
            Refusal::OwnRole => "You cannot consent to a role of your own.",
            Refusal::NotWaiting => "This grant is no longer waiting for consent.",
            Refusal::Ended => "This grant has ended.",
            Refusal::OwnAccount => "You cannot disable your own account.",
            Refusal::LastAdministrator => "The last administrator stays.",
        },
        role: |role| match role {
            Role::Viewer => "Viewer",
            Role::Responder => "Responder",
            Role::Sre => "SRE",
            Role::Dba => "DBA",
            Role::Pmo => "PMO",
            Role::Admin => "Administrator",
        },
    },
};
