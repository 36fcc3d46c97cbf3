"""Phrases of mail programs, in the languages of our customers: word tables, no rules."""

from __future__ import annotations

import re
from functools import cache


@cache
def any_of(*phrases: str) -> re.Pattern[str]:
    """A pattern of any of these, which are pieces of patterns themselves; case does not matter."""
    return re.compile("|".join(phrases), re.IGNORECASE)


# Subject lines
FORWARD_MARKS = r"fwd?|wg|tr|rv|i|enc|doorst|vb|vs|vl|pd|转发|転送"
REPLY_MARKS = r"re|aw|antw(?:ort)?|sv|r|ref|rif|res|odp|vá|ynt|回复|答复|返信"
AUTOMATIC_SUBJECTS = (
    r"automatic reply|auto(?:matic|mated)?[- ]?(?:reply|response|responder)",
    r"out of (?:the )?office(?: (?:auto)?(?:reply|notification|message))?",
    r"vacation (?:reply|notice)",
    r"automatische (?:antwort|rückantwort)|abwesenheits\w*|abwesend",
    r"réponse automatique|absence du bureau",
    r"respuesta automática|fuera de (?:la )?oficina",
    r"risposta automatica|fuori (?:sede|ufficio)",
    r"automatisch (?:antwoord|bericht)|afwezigheids\w*",
    r"autos[vw]ar|automatis(?:kt|k) svar|frånvaro\w*",
    r"resposta automática|ausência\w*",
    r"automatyczna odpowiedź|automaattinen vastaus|automatická odpověď",
    r"автоответ\w*|автоматич\w{2,5} (?:ответ|відповідь|отговор)|automatická odpoveď",
    r"automatikus válasz|răspuns automat|otomatik yanıt|αυτόματη απάντηση|automatski odgovor",
    r"samodejni odgovor|automatinis atsakymas|automātiska atbilde|automaatvastus",
    r"resposta automàtica",
    r"trả lời tự động|balasan otomatis|ตอบกลับอัตโนมัติ|자동 (?:회신|응답)|תשובה אוטומטית|رد تلقائي",
    r"自動(?:応答|返信|回覆|答覆)|自动(?:回复|答复)",
)
# Subjects of people, too, unless the text says that somebody is away
ABSENCE = r"absen\w+|vacation|(?:on )?holidays?|congés?|vacaciones|ferie|férias|urlaub|semester"
UNDELIVERED_SUBJECTS = (
    r"undeliver|deliver\w{0,12} (?:status|fail|has fail|problem)|failure notice",
    r"fail\w{0,8} deliver|delivery (?:is |has been )?delayed",
    r"returned (?:mail|to sender)|mail system error",
    r"(?:un|nicht )zustellbar|non (?:remis|distribu)|no entregad",
    r"mancat[ao] (?:recapito|consegna)|onbestelbaar|não entreg|ej levererat|ikke leveret",
    r"niedostarcz|недостав",
)

# What an automatic answer says of its person
AWAY = (
    r"out of (?:the )?office|\baway\b|on leave|on (?:my )?(?:holiday|vacation)|automat",
    r"nicht im (?:büro|haus)|abwesend|im urlaub|absent|en congé|fuera de la oficina|vacaciones",
    r"fuori (?:sede|ufficio)|in ferie|afwezig|vakantie|semester|fora do escritório|férias",
)

# Senders: programs that send for people, and those that report
PROGRAMS = (
    r"no-?reply|do-?not-?reply|notif\w*|forms?|formular\w*|contact-?form|web(?:site|form|master)",
    r"[\w-]{0,20}(?:kontakt|contact|web|anfrage)-?form\w*|formula\w*|wordpress|wwwrun|www-data|apache|nobody|mailer|survey|bounce",
)
DAEMONS = (
    r"mailer-?daemon|mail delivery (?:sub)?system|\bMDaemon\b|\bmicrosoftexchange[0-9a-f]{16,}@"
)
REPORTERS = r"(?:postmaster|bounces?|mail-?system)\b"

# Rules and header lines of quoted and forwarded mail
SUBJECT_LABELS = (
    r"subject|betreff|objet|asunto|oggetto|onderwerp|assunto|ämne|emne|temat|předmět|aihe",
    r"тема|件名|主题|主旨",
)
ORIGINAL = r"original|ursprüng|oorspronk|oprindelig|opprinnelig|původní|orygin|исходн|原"
FORWARDED = (
    r"forward|weitergeleitet|transf[ée]r|réexpédi|reenviad|inoltrat|doorgestuurd|encaminhad",
    r"vidarebefordra|videresend|przekazan|пересыл|пересла|välitet|転送|转发",
)
# What a ticket system writes above the mail that it sends: all below that line is the system's
ANSWER_ABOVE = (
    r"(?:your )?(?:reply|answer|response)\b.{0,20}\babove\b.{0,12}\bline",
    r"reply above\b.{0,20}\bline",
    r"antwort\w*\b.{0,30}\b(?:oberhalb|über)\b.{0,12}\bzeile",
    r"répon\w+.{0,20}au[- ]dessus.{0,12}\bligne",
    r"(?:respon\w+|respuesta)\b.{0,20}\b(?:encima|arriba)\b.{0,12}\blínea",
    r"rispo\w+.{0,20}\bsopra\b.{0,12}\briga",
    r"(?:antwoord\w*|reactie)\b.{0,20}\bboven\b.{0,12}\b(?:lijn|regel)",
    r"respo\w+.{0,20}\bacima\b.{0,12}\blinha",
    r"(?:svar\w*)\b.{0,20}\b(?:ovanför|over|ovenfor)\b.{0,12}\b(?:rad|linje)",
    r"odpow\w+.{0,20}\b(?:powyżej|nad)\b.{0,12}\blini",
    r"odpověď\w*.{0,20}\bnad\b.{0,12}řád",
)
WROTE = (
    r"wrote|writes|schrieb|schreibt|a écrit|escribió|ha scritto|schreef|geschreven|escreveu|skrev",
    r"napisał\S*|pisze|написал\S*|yazdı|írta|kirjoitti|napsal\S*|έγραψε|menulis|写道|작성",
)
# "See my answers below": the author writes within what was quoted, or speaks of it
POINTS_DOWN = (
    r"\b(?:below|inline|in-line|unten|ci-dessous|más abajo|di seguito|qui sotto|hieronder",
    r"onderstaand|abaixo|nedan|nedenfor|poniżej)\b",
)

# Signatures
SIGN_OFFS = (
    r"(?:(?:kind|best|warm|many|with)? ?(?:\w+ )?(?:regards|wishes|greetings|thanks)",
    r"sincerely.*|yours.*|cheers|thank you|best|rgds",
    r"(?:mit |viele |liebe |beste |schöne |(?>\w+?liche)\w*+ |kollegial\w*+ )*"
    r"gr(?:ü|ue|u)(?:ß|ss)\w*|mfg",
    r"(?:bien )?cordialement|salutations.*|(?:un )?(?:cordial )?saludos?.*|atentamente",
    r"(?:cordiali|distinti)? ?saluti|(?:met )?(?:vriendelijke|hartelijke)? ?groet\w*|mvg",
    r"atenciosamente|cumprimentos|abraços?|obrigad[oa]",
    r"(?:med )?(?:vänlig\w*|bästa)? ?hälsning\w*|mvh|(?:med )?(?:venlig )?hilsen",
    r"pozdrawiam|z poważaniem)\s*[,.!;]?",
)
DEVICES = (
    r"i?phone|ipad|ios|android|galaxy|samsung|huawei|blackberry|mobil|handy|telefon|tablet",
    r"outlook|yahoo|gmx|proton|mail|tuta",
)
_TO_GET = (
    r"(?:get|download|obtener|descargar|obtenir|télécharger|beziehen|herunterladen|scarica|ottieni"
    r"|downloaden|baixar|obter|hämta|hent|pobierz|stáhnout)"
)
SENT_FROM = (
    r"sent (?:from|with|via|using)|get outlook|gesendet (?:von|mit|über|aus)",
    r"(?:diese nachricht wurde )?von mein\w.*gesendet|envoyé (?:de|depuis|à partir|avec|via|par)",
    r"(?:mensaje )?enviado (?:desde|do|de|con|com|pelo|a partir)|inviato (?:da|con|tramite)",
    r"verstuurd|verzonden|skickat (?:från|med)|sendt (?:fra|med)|wysłan|trimis de",
    r"отправлено|надіслано|odesláno|odoslané|lähetetty|στάλθηκε|poslano|נשלח|أرسلت",
    r"\S.{0,40}(?:から送信|で送信|gönderildi|发送|發送|傳送|에서 보냄|küldve)",
    rf"{_TO_GET}\W+(?:\w+ )?outlook \w+ (?:ios|android)|outlook \w+ (?:ios|android) {_TO_GET}",
)

# Footers: kinds of notices, each with what has to stand in it together
NOTICES = (
    (  # confidentiality
        r"confiden|vertraulich|vertrouwelijk|konfident|fortrolig|riservat|poufn|luottamuks|конфиденц"
        r"|privileged|disclaimer|aviso legal|rechtlich gesch",
        r"recipient|addressee|empfänger|adress?at|destinat|geadresseerd|mottagare|modtager|odbiorc"
        r"|received (?:it|this)|in error|irrtümlich|par erreur|por error|per errore|por engano"
        r"|ten onrechte|av misstag|unauthori[sz]ed|intended|получател",
    ),
    (  # virus scanners
        r"\b(?:scanned|checked|free|geprüft|vérifié|analizado|controllat\w+|gecontroleerd)\b",
        r"virus|viren|malware|dangerous content",
        r"e-?mail|message|nachricht|courri|correo|messaggio|bericht",
    ),
    (  # and their advertisements
        r"virus|viren|malware",
        r"\b(?:avast|avg|avira|kaspersky|norton|mcafee|eset|bitdefender|sophos|f-secure)\b",
    ),
    (
        r"environment|umwelt|environnement|medio ambiente|ambiente|miljö",
        r"print|druck|imprim|stamp|skriv",
    ),
    (  # warnings of fraud
        r"phishing|fraud|scam|betrug|arnaque|fraude|truff",
        r"never ask|never request|nie(?:mals)? nach|ne .{0,20}jamais|nunca|beware|mai ",
        r"password|\bpin\b|passwort|kennwort|mot de passe|contraseña|bank",
    ),
    (
        r"subscribed to|unsubscribe (?:from|here)|to unsubscribe|abbestellen|désabonner|listinfo",
        r"https?:|\S@\S|\bclick (?:here|on|below)\b|\byou received|mailing list",
    ),
    (r"\bfollow us (?:on|at)\b|\bfind us on\b|folgen sie uns|suivez-nous|síguenos|seguici",),
    (  # an organisation's banner over mail from outside
        r"originated|came from|sent from outside|external|extern|caution|outside of",
        r"links?\b|attachments?|anhäng|pièces jointes|phishing",
        r"e-?mail|message|sender|nachricht|absender|courri",
    ),
)
# Whoever writes of himself writes no notice and no job; I and PS in capitals alone
FIRST_PERSON = re.compile(
    r"\bI\b|\bPS\b|\b(?i:i (?:am|have|need|want|can|was|will|do|did)|i'm|i've|my|me|ich|mich"
    r"|mein\w*|je|mon|mes|moi|yo|mi|mis|io|mio|mia|ik|mijn|eu|meu|minha|jag|mig|min|mitt)\b(?!\.)"
)
SPEAKS = re.compile(
    r"\b(?i:we|us|you|please|wir|sie|bitte|nous|vous|usted|por favor|wij|graag|voi|você|vänligen"
    r"|not|no|nobody|cannot|nicht|kein\w*|pas|rien)\b|\bP\.S\b|[?!]\s*\Z"
)
