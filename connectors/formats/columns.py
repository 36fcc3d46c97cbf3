"""Columns of a table of messages by their names: of the text, its author, its time, and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SHORTEST_END = 5  # letters of a word that another may end in, as `Eingangsdatum` does
_NAME = re.compile(r"(?<=\w{4})(?:s?names?|naam|navn|namn)\Z")  # of `Kontaktname`
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")  # writes words without blanks


class Role(NamedTuple):
    """What a column is. name: ours. known: whole names, the likelier first. words: of which one
    stands in a name that we do not know, in tiers; excluded: with one of which it is another
    column."""

    name: str
    known: tuple[str, ...]
    words: tuple[frozenset[str], ...]
    excluded: frozenset[str]

    def places(self, names: Sequence[str]) -> Iterator[int]:
        """The columns that may be it, the likelier first."""
        joined = {name.replace("_", ""): place for place, name in reversed([*enumerate(names)])}
        spelt = (name.replace("_", "") for name in self.known)  # `ticketid` as well
        places = [joined[name] for name in spelt if name in joined]
        places += (place for place, name in enumerate(names) if self._ends_as_known(name))
        for tier in self.words:
            places += (place for place, name in enumerate(names) if self._is(name, tier))
        yield from dict.fromkeys(places)

    def place(self, names: Sequence[str]) -> int | None:
        """The column that has our name, or else the likeliest; None where no name says so."""
        return names.index(self.name) if self.name in names else next(self.places(names), None)

    def allows(self, name: str) -> bool:
        """Does no word of the name say that it is another column?"""
        return not _has(name.split("_"), self.excluded, begins=True)

    def _ends_as_known(self, name: str) -> bool:
        """`twitter_screen_name` as `screen_name`."""
        ends = (known for known in self.known if "_" in known and name.endswith(f"_{known}"))
        end = next(ends, None)
        rest = name.removesuffix(end or "").split("_")
        return end is not None and not _has(rest, self.excluded, begins=True)

    def _is(self, name: str, tier: frozenset[str]) -> bool:
        words = name.split("_")
        stems = [_NAME.sub("", word) for word in words]
        rest = [word for word in words if word not in tier]
        is_named = _has(words, tier) or _has(stems, tier)
        return is_named and not _has(rest, self.excluded, begins=True)


def _has(words: Sequence[str], terms: frozenset[str], *, begins: bool = False) -> bool:
    """Is a word one of these, or a compound that ends (or begins) in one?"""
    if not terms.isdisjoint(words):
        return True
    text = "_".join(words)
    for term in terms:
        if "_" in term or _EAST_ASIAN.match(term):
            is_there = term in text
        else:
            is_long = len(term) >= _SHORTEST_END or term in ("nr", "text")
            is_there = is_long and any(
                word.endswith(term) or (begins and word.startswith(term)) for word in words
            )
        if is_there:
            return True
    return False


def _role(name: str, known: str, *tiers: str, excluded: str) -> Role:
    words = tuple(frozenset(tier.casefold().split()) for tier in tiers)
    return Role(name, tuple(known.split()), words, frozenset(excluded.casefold().split()))


TEXT = _role(
    "text",
    """complaint_text consumer_complaint_narrative complaint_narrative narrative text complaint
    complaint_description description customer_complaint message body review_text review_body
    review comment_text comment comments full_text tweet_text tweet post_text post message_body
    message_text body_text customer_message ticket_description issue_description content
    feedback feedback_text verbatim verbatim_comment customer_comment customer_feedback remarks
    details complaint_details caption selftext first_message""",
    """text texts txt msg besked henvendelse melding tilbakemelding comment comments content
    message messages description feedback complaint review narrative body verbatim remarks
    opinion beschreibung nachricht kommentar beschwerde anliegen beschwerdetext rückmeldung
    texte commentaire commentaires réclamation avis mensaje comentario comentarios queja reclamo
    reclamación descripción opinión testo commento messaggio descrizione recensione mensagem
    comentário comentários reclamação descrição klacht opmerking opmerkingen bericht
    omschrijving toelichting meddelande klagomål beskrivning kommentti palaute klage treść opis
    komentarz wiadomość skarga reklamacja opinia popis zpráva stížnost yorum şikayet mesaj
    сообщение текст комментарий отзыв жалоба обращение повідомлення скарга відгук σχόλιο κείμενο
    μήνυμα παράπονο üzenet panasz megjegyzés mesaj plângere reclamație comentariu poruka
    pritužba keluhan pesan komentar ulasan nội_dung تعليق شكوى رسالة הודעה תלונה תגובה 内容 內容
    投訴 评论 コメント 本文 口コミ 留言 投诉 내용 후기 리뷰 sentence inhalt anfrage rezension
    mitteilung contenu plainte remarque verbatims contenido reseña incidencia observaciones
    contenuto segnalazione note_cliente conteúdo relato observação inhoud tekst vraag zgłoszenie
    recenzja uwagi innehåll recension indhold innhold anmeldelse sisältö teksti valitus
    arvostelu obsah recenze dotaz szöveg tartalom leírás vélemény conținut descriere recenzie
    içerik açıklama metin содержание описание опис περιγραφή κριτική isi نص محتوى وصف תוכן תיאור
    メッセージ ご意見 描述 反馈 메시지 문의 verzoek solicitud solicitação anmodning förfrågan
    説明""",
    excluded="""nature kind category reason id no nr n number nummer numéro numero número numer
    номер 番号 编号 번호 date datum fecha data time created count total type status title
    subject rating stars score likes user name nick author by from language lang category url
    link code channel source length preview snippet reply replies developer owner agent internal
    resolution answer template flag label tags sentiment staff operator assignee bio company
    business keyword keywords phrase phrases""",
)
ID = _role(
    "id",
    """id complaint_id ticket ticket_id case_id case_number review_id tweet_id status_id id
    issue_key issue_id universal_message_id ticket_number ticket_no complaint_number
    complaint_no case_no response_id submission_id message_id post_id comment_id feedback_id
    mention_id number reference reference_number record_id conversation_id uuid id_str guid key
    request_id respondent_id interaction_id call_id chat_id session_id contact_id
    kundenvorgangsnummer conversation case""",
    """id no nr n number num nummer numéro numero número numer номер číslo numara ref reference
    referenz folio aktenzeichen protocolo radicado expediente sorszám número_de_caso broj
    αριθμός رقم מספר 番号 编号 編號 번호 单号 nº nomor uuid guid sid mã vorgang 序号 เลขที่
    संख्या شماره núm št cid ucid identifiant identificador identyfikator identificativo
    azonosító tunnus tunniste kenmerk protocollo numarası număr""",
    excluded="""customer client cliente kunde kunden klant klient kund клиент お客様 客户 고객
    user account order phone telephone tel telefon téléphone teléfono mobile card invoice
    product item agent assignee app version page profile author reviewer requester submitter
    company organization organisation brand external parent query collector network location
    store shop device likes replies comments votes house zip postal tax vat tracking serial
    model batch sku dialed dialled called caller calling from to distinct pseudo pnr dnis ani of
    rechnung bestell auftrag artikel vertrag telefon""",
)
TITLE = _role(
    "title",
    """subject title headline summary short_description ticket_name ticket_subject review_title
    ticketname nome_del_ticket nombre_del_ticket nom_du_ticket nome_do_ticket ticketnaam issue
    topic""",
    """subject title headline betreff titel tittel überschrift objet titre sujet asunto título
    oggetto titolo assunto onderwerp temat tytuł тема заголовок ämne rubrik emne otsikko konu
    başlık tárgy předmět predmet aihe θέμα subiect naslov judul subjek argomento الموضوع عنوان
    נושא 件名 主旨 主題 標題 タイトル 标题 主题 제목 題名 tiêu_đề chủ_đề titlu tema temats teema
    zadeva относно assumpte หัวข้อ विषय موضوع τίτλος název כותרת""",
    excluded="""id job position count page type email mail agent app product url author reviewer
    user customer contact person name""",
)
_OF_THE_COMPANY = """agent agente agentti técnico technicien bearbeiter mitarbeiter operador
    operatore medewerker handläggare sagsbehandler saksbehandler konsultant оператор сотрудник
    担当 assignee owner teammate staff operator manufacturer vendor supplier seller nota note
    ocena оценка bewertung voto calificación valoración betyg puan 評価 평점 ucid uuid guid
    technician since type tier segment count age gender country city region number nummer phone
    telephone mobile fax satisfaction rating status feedback comment review message text
    complaint company organisation organization language locale url uri photo avatar image ip
    group service reply response effort score title plan lifetime value device location flair
    verified followers date created time updated support"""
AUTHOR = _role(
    "author",
    """author customer customer_name user username user_name reviewer reviewer_name requester
    requester_name reporter caller caller_id calling_party full_name contact_name display_name
    nickname author_name screen_name comment_author review_author message_author post_author
    ticket_requester from_name owner_username creator created_by opened_by raised_by
    submitted_by reported_by from sender sender_name unique_id uid actor attributed_to
    customer_phone_number customer_phone phone_number caller_number speaker speaker_name
    participant participant_name""",
    """author customer cust reviewer requester reporter caller complainant consumer client
    contact respondent submitter consumidor consumidora consumatore consommateur verbraucher
    consument reclamante plaignant заявитель потребитель remetente expéditeur mittente remitente
    nadawca afzender avsändare отправитель passenger guest patient resident tenant subscriber
    username nickname user screenname kunde kundin kundenname absender nutzer benutzer
    benutzername auteur utilisateur cliente autor usuario usuário utente autore klant klantnaam
    gebruiker kund klient użytkownik zákazník asiakas müşteri ügyfél клиент клієнт автор
    пользователь πελάτης πελάτη όνομα clientul kupac korisnik pelanggan pengguna العميل לקוח
    お客様 投稿者 客户 客戶 顾客 用户 고객 작성자 contatto contacto contato kontakt
    kontaktperson contactpersoon remote influencer bewerter rezensent rédacteur recensore
    avaliador beoordelaar recensent gast huésped hóspede käyttäjä kirjoittaja nimimerkki
    uživatel szerző utilizator kullanıcı yazar người_dùng khách_hàng tác_giả ユーザー 差出人
    昵称 作者 닉네임 ニックネーム pseudo pseudonyme ad_soyad nama klientas klients zákazníka
    stranka ชื่อ ग्राहक مشتری nick buyer kupujący käufer acheteur comprador compratore koper
    köpare køber kjøper покупатель alıcı 买家 demandeur richiedente solicitante requisitante
    aanvrager anfragender antragsteller ersteller melder verfasser zgłaszający žadatel başvuran
    заявитель 申込者 報告者""",
    "email mail courriel correo handle",
    """name naam nom nombre nome namn navn imię jméno nimi isim имя фио 姓名 氏名 名前 이름 اسم
    שם""",
    "phone telephone mobile telefon téléphone teléfono telefono ani msisdn whatsapp",
    excluded=f"""{_OF_THE_COMPANY} first last file package product brand query campaign project
    store shop page team queue event version category model site hotel restaurant business place
    airline form survey domain channel network ticket column vorname prénom""",
)
CLASSES = ("issue", "topic")  # titles that name a kind of complaint, and are nobody's words
BRAND = _role(
    "brand",
    """brand brand_name company company_name airline business_name webshop_name merchant
    merchant_name manufacturer nome_fantasia""",
    "brand marke marque marca merk marka varumärke 品牌 ブランド 브랜드",
    excluded="id",
)
DATE = _role(
    "date",
    """date date_received received created_at created submitted_at complaint_date timestamp
    occurred_at date_submitted created_time date_created created_on created_date submitted
    submission_date submitted_on received_at received_date opened_at opened date_opened
    reported_at report_date posted_at post_date published_at review_date review_time event_time
    datetime date_time time sent_at ticket_created tweet_created published""",
    """created submitted posted requested rcvd eingangsdatum erstellungsdatum erstellt eingang
    eingegangen erfasst gemeldet inkommet ontvangen reçu recibido ricevuto recebido beérkezett
    published publish pubdate logged raised filed registered initiated initiation skapad
    inskickad oprettet opprettet modtaget mottatt luotu aangemaakt créé publié creado publicado
    creato pubblicato criado utworzono wysłano zgłoszono vytvořeno přijato létrehozva creat
    primit oluşturulma создано создан получено опубликовано створено dibuat 投稿日 作成日 작성일
    등록일 reported written responded bewertet reviewed opened entered apertura abertura aberto
    alta saapunut přijetí prijatia primirii ontvangst réception dépôt geplaatst dodania
    ricezione""",
    """date datetime time timestamp ts when dt dttm datum zeitstempel horodateur fecha data dato
    päivämäärä tarih dátum дата ημερομηνία data_și_ora datumul tanggal waktu التاريخ תאריך
    zeitpunkt tidspunkt aika päiväys pvm tijdstip időpont zaman время час ngày thời_gian تاريخ
    الوقت 일시 시간 日期 日付 日時 时间 時間 날짜 datums data_i_godzina วันที่ दिनांक تاریخ
    kuupäev""",
    # what became of it, or somebody's birth
    excluded="""birth birthday dob born closed clsd completed due duration end ended first last
    modified resolution resolved reply sla spent type updated update zone version assigned
    geburtsdatum stay incident event flight visit purchase order travel trip departure arrival
    delivery shipped payment geschlossen abgeschlossen erledigt chiusura cierre clôture
    fermeture fechamento encerramento sluiting zamknięcia закрытия kapanış nascita nacimiento
    naissance nascimento indexed crawled scraped retrieved fetched downloaded exported imported
    synced extracted processed ingested owner answer answered developer agent bestell kauf
    liefer versand rechnungs pedido commande ordine zamówienia заказа 注文 配達 volo vol vuelo""",
)
CLOCK = "time_of_day"  # where it stands apart from the date
WHOLE = (  # ids of a whole conversation
    *("complaint_id", "ticket_id", "case_id", "case_number", "issue_key", "ticket_number"),
    *("conversation_id", "interaction_id", "call_id", "chat_id", "session_id", "contact_id"),
)
GIVEN_NAME = "given_name"  # where it stands apart from the family's
FIRST_NAMES = (
    *("first_name", "firstname", "first", "given_name", "vorname", "prénom", "nombre", "nome"),
    *("voornaam", "fornavn", "förnamn", "imię", "jméno", "имя", "name_first"),
)
LAST_NAMES = (
    *("last_name", "lastname", "last", "surname", "family_name", "nachname", "name", "nom"),
    *("apellido", "apellidos", "cognome", "sobrenome", "achternaam", "efternavn", "efternamn"),
    *("etternavn", "nazwisko", "příjmení", "фамилия", "name_last"),
)
_SHORT_FORMS = {
    **{"nm": "name", "subj": "subject", "cust": "customer", "msg": "message", "txt": "text"},
    **{"desc": "description", "cmt": "comment", "cmnt": "comment", "dttm": "datetime"},
    **{"rcvd": "received", "crt": "created", "cls": "closed", "clsd": "closed", "upd": "updated"},
    **{"sndr": "sender", "agnt": "agent", "cntct": "contact", "usr": "user", "num": "number"},
}
THREAD = "thread"  # where several messages have one id
ROLES = (TEXT, DATE, ID, TITLE, AUTHOR, BRAND)
_CONTACTS = frozenset(("email", "mail", "phone", "telephone", "mobile"))


def plain_names(names: Sequence[str]) -> list[str]:
    """Without the word that all begin with, and without short forms."""
    words = [name.split("_") for name in names]
    first = words[0][0] if words else ""
    if len(words) > 2 and all(parts[0] == first and len(parts) > 1 for parts in words):
        words = [parts[1:] for parts in words]
    return ["_".join(_SHORT_FORMS.get(word, word) for word in parts) for parts in words]


def with_text(names: Sequence[str], written: Sequence[str], column: str) -> tuple[str, ...] | None:
    """The names with this column for that of the texts; None where there is none. written: the
    names as the file has them."""
    if column not in written:
        return None
    renamed = ["" if name in TEXT.known else name for name in names]
    renamed[written.index(column)] = TEXT.name
    return tuple(renamed)


def text_column(names: Sequence[str]) -> int | None:
    return TEXT.place(names)


def date_column(names: Sequence[str]) -> int | None:
    return DATE.place(names)


def brand_column(names: Sequence[str]) -> int | None:
    """A company beside somebody's telephone or address is where that person works."""
    place = BRAND.place(names)
    is_company = place is not None and names[place].startswith("company")
    words = {word for name in names for word in name.split("_")}
    return None if is_company and words & _CONTACTS else place
