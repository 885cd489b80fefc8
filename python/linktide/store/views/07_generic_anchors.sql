-- Anchors that say nothing of their target, in the languages most links are written in; as `internal.words` makes them, each
-- once: to make them so for each question takes longer than to look them up.
CREATE VIEW internal.generic_anchors AS
SELECT unnest([
    'click', 'click here', 'click this', 'click this link', 'here', 'this', 'this link', 'this page', 'this site',
    'this website', 'this article', 'this post', 'link', 'a link', 'page', 'site', 'website', 'web site', 'web', 'home',
    'homepage', 'home page', 'visit', 'visit here', 'visit site', 'visit website', 'visit the website', 'visit this site',
    'visit our website', 'visit us', 'go', 'go here', 'go to site', 'go to website', 'check it out', 'check this out',
    'check here', 'see', 'see here', 'see more', 'see this', 'view', 'view more', 'view site', 'view website', 'more',
    'more here', 'more info', 'more information', 'more details', 'details', 'info', 'information', 'learn more',
    'find out more', 'read', 'read more', 'read here', 'read this', 'read on', 'read full article', 'full article',
    'full story', 'continue', 'continue reading', 'source', 'via', 'original', 'original article', 'article', 'blog',
    'download', 'download here', 'url', 'web page', 'webpage', 'website link', 'official site', 'official website',
    'hier', 'hier klicken', 'klicken sie hier', 'klick hier', 'link hier', 'diese seite', 'zur webseite', 'zur website',
    'webseite', 'startseite', 'mehr', 'mehr erfahren', 'mehr lesen', 'mehr infos', 'weiterlesen', 'weiter', 'quelle',
    'ici', 'cliquez ici', 'cliquer ici', 'ce site', 'ce lien', 'lien', 'site web', 'accueil', 'en savoir plus', 'lire la suite',
    'lire plus', 'voir plus', 'plus d infos', 'visiter le site', 'voir le site', 'aquí', 'haz clic aquí', 'haga clic aquí',
    'clic aquí', 'pincha aquí', 'enlace', 'este enlace', 'sitio web', 'página web', 'inicio', 'leer más', 'ver más',
    'más información', 'más', 'fuente', 'visitar sitio', 'qui', 'clicca qui', 'sito', 'sito web', 'questo sito', 'leggi tutto',
    'leggi di più', 'scopri di più', 'continua a leggere', 'fonte', 'aqui', 'clique aqui', 'saiba mais', 'leia mais', 'ver mais',
    'este site', 'klik hier', 'lees meer', 'meer informatie', 'deze site', 'bron', 'kliknij tutaj', 'tutaj', 'czytaj więcej',
    'więcej', 'strona', 'źródło', 'zde', 'klikněte zde', 'více', 'číst dále', 'tässä', 'lue lisää', 'här', 'klicka här',
    'läs mer', 'her', 'klik her', 'klikk her', 'læs mere', 'les mer', 'buraya tıklayın', 'tıkla', 'tıklayın', 'devamı',
    'здесь', 'тут', 'нажмите здесь', 'кликните здесь', 'подробнее', 'далее', 'сайт', 'ссылка', 'источник', 'читать далее',
    'тисніть тут', 'джерело', 'εδώ', 'περισσότερα', 'هنا', 'اضغط هنا', 'المزيد', 'כאן', 'לחצו כאן', 'यहाँ', 'यहाँ क्लिक करें',
    'こ ち ら', 'こ こ', 'こ こ を ク リ ッ ク', 'こ ち ら を ク リ ッ ク', '詳 細', '詳 細 は こ ち ら', '続 き を 読 む', 'も っ と 見 る', 'リ ン ク', 'ホ ー ム ペ ー ジ',
    '点 击 这 里', '点 击 此 处', '点 击', '这 里', '此 处', '链 接', '网 站', '更 多', '阅 读 更 多', '查 看 更 多', '點 擊 這 裡', '網 站', '更 多 資 訊',
    '여기', '여기를 클릭', '클릭', '더보기', '자세히 보기', '링크', '홈페이지', 'di sini', 'klik di sini', 'baca selengkapnya',
    'selengkapnya', 'tại đây', 'xem thêm', 'ท ี ่ น ี ่', 'ค ล ิ ก ท ี ่ น ี ่', 'อ ่ า น ต ่ อ'
]) AS words;
