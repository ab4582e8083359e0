//! What the list of rollbacks can be asked for.

use super::Each;

pub struct Texts {
    pub from: &'static str,
    pub to: &'static str,
    pub shortest: &'static str,
    pub longest: &'static str,
    pub success: &'static str,
    pub success_of: fn(Option<bool>) -> &'static str,
    pub period: &'static str,
    pub period_of: fn(&str) -> &'static str,
    pub duration: &'static str,
    pub csv: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        from: "回滚前版本",
        to: "回滚后版本",
        shortest: "至少用时（秒）",
        longest: "至多用时（秒）",
        success: "结果",
        success_of: |it| match it {
            Some(true) => "成功",
            Some(false) => "失败",
            None => "未知",
        },
        period: "时间范围",
        period_of: |it| match it {
            "7d" => "最近 7 天",
            "30d" => "最近 30 天",
            "90d" => "最近 90 天",
            _ => "全部时间",
        },
        duration: "总用时",
        csv: "导出 CSV",
    },
    en: Texts {
        from: "From version",
        to: "To version",
        shortest: "Took at least (s)",
        longest: "Took at most (s)",
        success: "Result",
        success_of: |it| match it {
            Some(true) => "succeeded",
            Some(false) => "failed",
            None => "unknown",
        },
        period: "Period",
        period_of: |it| match it {
            "7d" => "last 7 days",
            "30d" => "last 30 days",
            "90d" => "last 90 days",
            _ => "all time",
        },
        duration: "Duration",
        csv: "Export CSV",
    },
};
