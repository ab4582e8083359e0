use super::Each;

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub name: &'static str,
    pub password: &'static str,
    pub submit: &'static str,
    pub sign_out: &'static str,
    /// The same for an unknown name and for a wrong password.
    pub failed: &'static str,
    pub locked: &'static str,
    pub signed_out: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "登录 Lifeboat",
        lede: "演练台账与回滚控制台",
        name: "用户名",
        password: "密码",
        submit: "登录",
        sign_out: "退出登录",
        failed: "用户名或密码不正确。",
        locked: "失败次数过多，请稍后再试。",
        signed_out: "已退出登录。",
    },
    en: Texts {
        title: "Sign in to Lifeboat",
        lede: "Drill ledger and rollback control plane",
        name: "Name",
        password: "Password",
        submit: "Sign in",
        sign_out: "Sign out",
        failed: "The name or the password is wrong.",
        locked: "Too many failed attempts; try again later.",
        signed_out: "You are signed out.",
    },
};
