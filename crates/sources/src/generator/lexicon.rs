//! What made-up people say: phrases, letters and shares of the languages.

/// One language.
#[derive(Debug)]
pub(super) struct Lang {
    /// As the platform names it.
    pub(super) code: &'static str,
    /// Of 1,000 posts without tags.
    pub(super) share: u32,
    /// Goes between two phrases.
    pub(super) joins: &'static [&'static str],
    /// Pieces that made-up tags consist of: a power of two of them, all equally long, so that
    /// different sequences are different tags.
    pub(super) pieces: &'static [&'static str],
    /// Phrases.
    pub(super) phrases: &'static [&'static str],
}

const LATIN: &[&str] = &[
    "ba", "ke", "mi", "ro", "tu", "da", "le", "si", "no", "ju", "va", "pe", "ri", "so", "mu", "ga",
    "te", "li", "ko", "zu", "fa", "ne", "di", "po", "lu", "sa", "he", "vi", "mo", "ru", "ta", "be",
];
const COMMON: &[&str] = &[" ", ", ", ". ", "! ", " - ", "; "];
const WIDE: &[&str] = &["。", "、", "！", " "];

macro_rules! lang {
    ($code:literal $share:literal $joins:ident $pieces:expr, $($say:literal)*) => {
        Lang { code: $code, share: $share, joins: $joins, pieces: $pieces, phrases: &[$($say),*] }
    };
}

/// All of them; indices are named below.
pub(super) static LANGS: [Lang; 15] = [
    lang!("en" 450 COMMON LATIN,
        "just saw the news about this" "cannot believe what happened today" "so proud of everyone"
        "this is the best thing ever" "anyone else watching right now?" "good morning everybody"
        "we need to talk about it" "rock &amp; roll all night" "what a time to be alive" "thread:"
        "I have been saying this for years" "please share" "my phone is at 2%" "love it" "wow"
        "who else is ready for the weekend" "it&#39;s raining again in the city" "Q&amp;A at noon"
        "still thinking about that last episode" "new post is up, link below" "live from the venue"
        "they really said \"no comment\"" "learning C# this week" "back in 5 minutes" "no words"),
    lang!("es" 80 COMMON LATIN,
        "qué día tan increíble" "no puedo creer lo que pasó" "buenos días a todos" "¡vamos equipo!"
        "estoy viendo el partido" "mañana será otro día" "esto es increíble" "muchas gracias"
        "la mejor noticia del año" "¿alguien más lo vio?" "arroz &amp; frijoles" "por fin viernes"),
    lang!("pt" 60 COMMON LATIN,
        "bom dia pra todo mundo" "não acredito no que aconteceu" "que jogo foi esse" "saudades"
        "alguém mais assistindo?" "hoje é dia de festa" "muito obrigado pelo carinho" "amei demais"
        "a gente precisa conversar" "coração tá como?" "amanhã tem mais" "só queria dormir"),
    lang!("fr" 40 COMMON LATIN,
        "bonjour à tous" "c'est vraiment incroyable" "je n'y crois pas" "quelle soirée" "à demain"
        "on en parle ce soir" "merci beaucoup pour tout" "ça commence maintenant" "déjà lundi"
        "qui regarde le match ?" "une très belle journée" "trop drôle"),
    lang!("de" 30 COMMON LATIN,
        "guten Morgen zusammen" "das ist wirklich unglaublich" "schönes Wochenende" "na endlich"
        "wer schaut gerade zu?" "ich freue mich schon darauf" "Grüße aus München" "großes Kino"
        "heute ist ein guter Tag" "darüber müssen wir reden" "Kaffee &amp; Kuchen"
        "mal wieder Regen"),
    lang!("tr" 30 COMMON LATIN,
        "günaydın herkese" "inanılmaz bir gün" "şimdi başlıyor" "çok güzel olmuş" "hadi bakalım"
        "bunu kimse beklemiyordu" "İstanbul'da yağmur var" "iyi geceler" "ne güzel bir maç oldu"),
    lang!("id" 40 COMMON LATIN,
        "selamat pagi semuanya" "tidak percaya ini terjadi" "semangat terus ya" "lucu banget"
        "siapa yang nonton malam ini?" "akhirnya libur juga" "terima kasih banyak" "hujan lagi"),
    lang!("ru" 50 COMMON &[
            "ба", "ке", "ми", "ро", "ту", "да", "ле", "си", "но", "жу", "ва", "пе", "ри", "со",
            "му", "га", "те", "ли", "ко", "зу", "фа", "не", "ди", "по", "лу", "са", "хе", "ви",
            "мо", "ру", "та", "бе",
        ],
        "доброе утро всем" "не могу поверить" "это просто невероятно" "кто смотрит сейчас?"
        "наконец-то выходные" "спасибо большое" "вот это новости" "завтра будет лучше"),
    lang!("ar" 50 COMMON &[
            "ب", "ت", "ث", "ج", "ح", "خ", "د", "ذ", "ر", "ز", "س", "ش", "ص", "ض", "ط", "ظ", "ع",
            "غ", "ف", "ق", "ك", "ل", "م", "ن", "ه", "و", "ي", "ا", "أ", "إ", "ؤ", "ئ",
        ],
        "صباح الخير للجميع" "لا أصدق ما حدث" "خبر عاجل" "من يشاهد الآن؟" "شكرا جزيلا"
        "يوم جميل جدا" "الحمد لله على كل حال" "مبروك للفريق"),
    lang!("he" 10 COMMON &[
            "א", "ב", "ג", "ד", "ה", "ו", "ז", "ח", "ט", "י", "כ", "ל", "מ", "נ", "ס", "ע",
        ],
        "בוקר טוב לכולם" "לא מאמין שזה קרה" "תודה רבה" "איזה יום יפה" "מי רואה עכשיו?"),
    lang!("hi" 30 COMMON &[
            "क", "ख", "ग", "घ", "च", "छ", "ज", "झ", "ट", "ठ", "ड", "ढ", "ण", "त", "थ", "द", "ध",
            "न", "प", "फ", "ब", "भ", "म", "य", "र", "ल", "व", "श", "ष", "स", "ह", "अ",
        ],
        "सुप्रभात दोस्तों" "यह तो कमाल हो गया" "बहुत बहुत धन्यवाद" "आज का मैच कौन देख रहा है?"
        "विश्वास नहीं होता" "जय हिन्द"),
    lang!("th" 30 COMMON &[
            "กา", "ขา", "คา", "งา", "จา", "ฉา", "ชา", "ซา", "ญา", "ดา", "ตา", "ถา", "ทา", "ธา",
            "นา", "บา", "ปา", "ผา", "ฝา", "พา", "ฟา", "ภา", "มา", "ยา", "รา", "ลา", "วา", "ศา",
            "ษา", "สา", "หา", "อา",
        ],
        "สวัสดีตอนเช้า" "ไม่อยากเชื่อเลย" "ขอบคุณมากค่ะ" "ใครดูอยู่บ้าง" "น่ารักมาก" "สู้ๆนะทุกคน"),
    lang!("ja" 70 WIDE &[
            "ア", "イ", "ウ", "エ", "オ", "カ", "キ", "ク", "ケ", "コ", "サ", "シ", "ス", "セ", "ソ",
            "タ", "チ", "ツ", "テ", "ト", "ナ", "ニ", "ネ", "ノ", "ハ", "ヒ", "フ", "マ", "ミ", "ラ",
            "リ", "ル",
        ],
        "おはようございます" "信じられない" "今日もいい天気ですね" "めっちゃ面白い" "ありがとう"
        "新しい動画を公開しました" "楽しみすぎる" "今見てる人いる？" "お疲れ様でした"),
    lang!("zh" 10 WIDE &[
            "天", "地", "人", "山", "水", "火", "风", "云", "花", "草", "春", "夏", "秋", "冬", "东",
            "西", "南", "北", "大", "小", "中", "国", "城", "海", "河", "星", "月", "日", "光", "明",
            "新", "年",
        ],
        "早上好" "太不可思议了" "今天天气真好" "有人在看吗" "谢谢大家的支持" "终于放假了"),
    lang!("ko" 20 COMMON &[
            "가", "나", "다", "라", "마", "바", "사", "아", "자", "차", "카", "타", "파", "하", "고",
            "노", "도", "로", "모", "보", "소", "오", "조", "초", "구", "누", "두", "루", "무", "부",
            "수", "우",
        ],
        "좋은 아침이에요" "믿을 수가 없어" "오늘 날씨 좋다" "지금 보고 있는 사람?" "감사합니다"
        "너무 귀여워" "드디어 주말"),
];

pub(super) const EN: usize = 0;
pub(super) const ES: usize = 1;
pub(super) const PT: usize = 2;
pub(super) const FR: usize = 3;
pub(super) const DE: usize = 4;
pub(super) const TR: usize = 5;
pub(super) const ID: usize = 6;
pub(super) const RU: usize = 7;
pub(super) const AR: usize = 8;
pub(super) const HE: usize = 9;
pub(super) const HI: usize = 10;
pub(super) const TH: usize = 11;
pub(super) const JA: usize = 12;
pub(super) const ZH: usize = 13;
pub(super) const KO: usize = 14;

/// The index of a language drawn by its share; `draw` is below 1,000.
pub(super) fn by_share(mut draw: u32) -> usize {
    for (index, lang) in LANGS.iter().enumerate() {
        if draw < lang.share {
            return index;
        }
        draw -= lang.share;
    }
    EN
}

/// Among them a keycap, a flag, a family of several code points and a skin tone.
pub(super) const EMOJI: &[&str] = &[
    "😀",
    "😂",
    "🔥",
    "❤️",
    "🎉",
    "👍🏽",
    "👨‍👩‍👧",
    "🇧🇷",
    "#️⃣",
    "1️⃣",
    "✨",
    "🙏",
    "😭",
    "🚀",
    "🌊",
    "⚽",
];
