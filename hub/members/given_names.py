"""Given names as data: short forms with what they stand for, spellings of one name, names that serve as given names.

Gathered from everyday usage. What is missing here costs somebody a nickname, never a membership to somebody else.
"""

# A given name: its short forms, and the next after a semicolon. A short form of several names stands for each of them.
_SHORT_FORMS = """
aaron: ron ronnie; abdullah: abdul; abigail: abby abbie gail; abraham: abe bram; adelaide: addie heidi;
agnieszka: aga agunia; albert: al bert bertie; aleksander: olek alek; aleksandr: sasha sacha alex shura;
aleksandra: sasha ola alex; alejandro: ale alex jandro; alessandro: ale sandro alex;
alexander: alex al sandy sasha xander alec lex sander; alexandra: alex sandra sandy sasha lexi alexa;
alfred: alf alfie fred freddie; alistair: al ali; amelia: amy millie mia; anastasia: nastya stacy ana asya;
andreas: andi andy; andreja: andra; andrew: andy drew; andrzej: andrzejek jedrek; angela: angie angel;
anna: anya ania annie anja anni; anthony: tony ant; antonio: tony toni tonio nino; antonius: toon ton anton;
archibald: archie; arthur: art artie; augustin: gus augie; barbara: barb babs basia babsi; bartholomew: bart;
bartosz: bartek; beatrice: bea trixie; benjamin: ben benny benji; bernard: bernie bern; bernadette: bernie;
bogdan: bodzio; calvin: cal; cameron: cam; carolina: caro lina; caroline: caro carrie carol lina;
cassandra: cass cassie sandra; catalina: cata lina; catherine: cathy cate kate katie kathy cat kitty;
cecilia: cece celia cissy; charles: charlie chuck chas chaz; charlotte: charlie lottie lotte char; christian: chris;
christina: chris tina chrissy christie; christine: chris tina chrissy christel; christoph: chris stoffel;
christopher: chris kit topher; clarence: clare; clifford: cliff; concepcion: concha conchita; constance: connie;
cornelia: nelly conny; cornelis: cees kees cor; curtis: curt; cynthia: cindy; dalibor: dali; daniel: dan danny dani;
danielle: dani; daria: dasha dascha; david: dave davey dudu; deborah: deb debbie; dennis: den denny; dietrich: dieter;
dmitri: dima mitya; dolores: lola; dominic: dom nick; donald: don donnie; dorothea: doro thea dora;
dorothy: dot dottie dolly dora; douglas: doug; duncan: dunc; edith: edie; eduard: edi edu; eduardo: edu lalo;
edmund: ed eddie ned ted; edward: ed eddie ted teddy ned; edwin: ed eddie; ekaterina: katya katja kate;
eleanor: ellie nell nora elle lenny; elena: lena lenka lenochka; elisabeth: lisa elli lisbeth lisl else bettina;
elizabeth: liz lizzie beth betty eliza lisa betsy ellie libby; emmanuel: manu manny; emily: em emmy millie;
enrique: quique kike; eric: rick ricky; ernest: ernie; ernesto: neto; esther: essie; eugene: gene;
evangelos: vangelis; evgeni: zhenya; ferdinand: ferdi fred; fernando: nando fer; florence: flo florrie;
florian: flo flori; frances: fran fannie frankie; francesca: fran franca cesca chicca; francesco: franco cecco checco;
francis: frank fran; francisco: paco pancho fran kiko curro chico; francoise: fanchon; franziska: franzi sissi;
frederick: fred freddie fritz rick; friedrich: fritz friedl; gabriel: gabe gabi; gabriela: gabi gaby;
gabriella: gaby ella; gabrielle: gaby elle; galina: galya; geoffrey: geoff jeff; george: georgie;
georgios: giorgos yorgos; georgina: georgie gina; gerald: gerry jerry; gerard: gerry ger; gerhard: gerd hardy;
gertrude: gertie trudy; gianluca: luca; giovanni: gianni nanni vanni; giuseppe: beppe peppe pino; gregory: greg gregg;
grzegorz: grzesiek; guadalupe: lupe lupita; guglielmo: memmo; guilherme: gui; guillermo: memo guille;
gustavo: gus tavo; gwendolyn: gwen wendy; hannelore: hanne lore; harold: harry hal; harriet: hattie; hans: hansi;
heinrich: heinz heiner heini; helena: lena hela; henrietta: etta hettie; henry: harry hank hal; herbert: herb bert;
howard: howie; hubert: hugh bert; humberto: beto; ignacio: nacho; ignatius: iggy; immanuel: manny; ines: ine;
ioannis: yannis giannis; irene: rene; isaac: ike zac; isabel: isa bel belle izzy chabela; isabella: bella izzy isa;
ivan: vanya; ivana: iva ivanka; jacob: jake jay; jacqueline: jackie; jacek: jacus; jadwiga: jadzia; jakub: kuba;
james: jim jimmy jamie jem; jane: janey jenny; janet: jan; janice: jan; jaroslav: jarda; javier: javi; jeffrey: jeff;
jennifer: jen jenny jenna; jeremy: jerry jem; jeremiah: jerry; jerome: jerry; jessica: jess jessie; jesus: chuy;
joachim: jochen achim; joan: joanie; joanna: jo asia aska; joaquim: quim kim; joaquin: quino; jonathan: jon jonny;
john: johnny jack; johann: hans hannes; johanna: hanna hanne jo; johannes: hans hannes jan joop; jorge: coque;
jose: pepe pepito ze; josefa: pepa; josefine: josi fine; joseph: joe joey jo jos; josephine: jo josie fifi;
joshua: josh; juan: juanito; judith: judy jude; julia: jule julie juli; julian: jules; juliana: ju juli;
katarzyna: kasia kaska; katarina: kata katka; katharina: kathi kati kaethe ina trina;
katherine: kate kathy katie kat kitty kay; kathleen: kathy kath kate; katrin: trin kati; kenneth: ken kenny;
kimberly: kim kimmy; klaus: klausi; konstantin: kostya kosta; konstantinos: kostas dinos; krzysztof: krzysiek krzys;
ladislav: lada; lawrence: larry laurie; leonard: leo len lenny; leonardo: leo; leonor: nona; leopold: leo poldi;
leslie: les; lidia: lida; lillian: lil lilly; louis: lou louie; louise: lou; lucia: lucy luci; ludwig: lutz wiggerl;
luis: lucho lu; lukas: luki luke; lyudmila: lyuda mila; madeleine: maddy lena; magdalena: magda lena leni;
malgorzata: gosia malgosia; manfred: manni fred; manuel: manolo manu manny; marcin: marcinek;
margaret: maggie meg peggy marge greta margie; margarete: grete greta gretel; margarita: rita;
maria: mia mitzi mary masha marysia mariechen; mariana: mari; marianne: nanni; martha: marty; martin: marty;
mathilde: tilda tilly; matthaus: hias; matthew: matt matty; matthias: matze matthes; mateusz: mati; maurice: mo;
maximilian: max maxi; melanie: mel; melissa: mel missy; mercedes: merche; michael: mike mick mickey micky mikey michi;
mihail: misha; mikhail: misha; milagros: mili; mildred: millie; milan: mila; mireille: mimi; mohammed: mo;
montserrat: montse; muhammad: mo; nadezhda: nadia nadja; natalia: natasha nat talia; nathan: nate nat;
nathaniel: nate nat; nicholas: nick nicky nico; nicola: nico nicky; nicolas: nico; nicole: nikki nic; nikolai: kolya;
nikolaos: nikos; nikolaus: klaus niko nick; norbert: bert; oliver: ollie oli; olivia: liv livvy; oscar: ozzie;
pamela: pam; panagiotis: panos takis; patricia: pat patty tricia trish patsy; patrick: pat paddy rick; paul: paulie;
pavel: pasha; pawel: pawelek; penelope: penny; peter: pete; philip: phil pip; philippa: pippa pip; pilar: pili;
piotr: piotrek petya; pyotr: petya; rachel: rach; raimund: mundi; ramon: moncho; randolph: randy;
raphael: rafe rafa rafi; rafael: rafa; rebecca: becky becca; regina: gina; reginald: reg reggie; reinhard: reini;
renate: reni nate; richard: rick dick rich richie ricky; robert: bob rob bobby robbie bert; roberta: bobbie robbie;
roberto: beto berto; roderick: rod; rodrigo: rodri; roger: rog; roland: rollo; rolf: rolfi; ronald: ron ronnie;
rosa: rosi rosita; rosario: charo; rosemary: rose rosie; rudolf: rudi; russell: russ rusty; ruslan: rus; sabine: bine;
salvatore: toto turi; samantha: sam sammy; samuel: sam sammy; sandra: sandy; santiago: santi chago;
sarah: sally sadie; sebastian: seb basti bastian; sergei: seryozha serge; sergio: checo; sigmund: sigi; silvia: silvi;
simon: si; sofia: sophie sofi sonya; sophia: sophie sofi; stanislav: stas standa; stanislaw: staszek stas;
stanley: stan; stefan: steff; stefania: stefi; stefanie: steffi; stephanie: steph stephie; stephen: steve stevie;
steven: steve stevie; susan: sue suzie; susanna: susi sanna; suzanne: sue suzy; svetlana: sveta lana; sylvester: sly;
sylvia: syl; tadeusz: tadek; tamara: toma tammy; tatiana: tanya; terence: terry; teresa: terry tess resi;
theodor: theo teddy; theodore: ted theo teddy; theodoros: thodoris; theresa: terry tess tessa resi; thomas: tom tommy;
timothy: tim timmy; tobias: tobi toby; tomas: tom tomek tomasek; tomasz: tomek; ursula: uschi ulla;
valentina: valya vale tina; valerie: val; veronica: ronnie vero nica; veronika: vroni; victor: vic;
victoria: vicky vic tori; vincent: vince vinnie; vincenzo: enzo; virginia: ginny; vladimir: vova volodya vlad;
vladislav: vlad; vyacheslav: slava; waldemar: waldi; walter: walt wally; wilhelm: willi willy helmi;
wilhelmina: mina willa minnie; willem: wim pim; william: bill will billy willie liam; winifred: winnie freda;
wojciech: wojtek; wolfgang: wolf wolfi; xavier: xavi; yekaterina: katya katja; yevgeny: zhenya; yelena: lena;
yuri: yura; zachary: zach zac zack; zbigniew: zbyszek; zdenek: zdena; zofia: zosia
"""

# Spellings of one given name, in one language or carried from one script to another.
_SPELLINGS = """
abd abdul abdel abdal; abdallah abdullah abdulla abdoullah;
abdelrahman abdulrahman abdurrahman abderrahmane abdalrahman; ahmad ahmed ahmet achmed; aisha aysha ayesha aicha ayse;
aleksandr alexander alexandr oleksandr alexandre alexandros; aleksandra alexandra oleksandra;
aleksei alexey alexei aleksey alexej oleksiy oleksii; ali aly; allan alan allen; amin ameen amine; amir ameer;
anastasia anastasiya anastasija anastassia; andrei andrey andrej andriy andrii; ana anna; ann anne; anton antonin;
arkadi arkady arkadiy; artem artyom artiom; brian bryan; carl karl; caroline karoline;
catherine katherine kathryn catharine katharine; christopher kristopher cristopher; christian kristian;
christina kristina; claus klaus; clara klara; dmitri dmitry dmitriy dmytro dimitri dmitrij dmitrii; edward eduard;
ekaterina yekaterina kateryna iekaterina; elena yelena olena jelena helena; elisabeth elizabeth; eric erik erick;
evgeni yevgeni evgeny evgeniy yevgeny evgenij evgenii yevhen yevgeniy; fatima fatma fatimah fatemeh fatoumata;
frederick frederic frederik fredrik; geoffrey jeffrey; georgios george yeorgios; gerhard gerhardt;
graham graeme grahame; hasan hassan; hossein hussein husain hussain hosein husayn huseyn; hrvoje hervoje;
ibrahim ebrahim ibraheem; igor ihor; ilya ilia ilja iliya illia; ioannis yannis giannis ioanis;
isabel isabelle isabell; ismail ismael esmail; jacob jakob; jeremy jeremie; john jon; jonathan jonathon johnathan;
jozef josef; joseph josef; julia yulia yuliya julija iuliia; kamal kemal; karim kareem; katarina catarina katarzyna;
khaled khalid halid; konstantin constantin kostiantyn; konstantinos constantinos; lawrence laurence;
layla leila laila leyla; louis lewis; lukas lucas; lyudmila ludmila liudmila; maria mariya mariia marija; mark marc;
mariam maryam miriam meryem; marcus markus; martin marten; mathew matthew; matthias mathias;
mikhail michail mykhailo mihail; mohammed muhammad mohamed mohammad muhammed mohamad mehmet mahomet mouhamed;
mustafa mostafa moustafa; nadezhda nadezda nadiia; natalia nataliya natalya natalja nataliia;
nicholas nicolas nikolas; nikolai nikolay nikolaj mykola nicolai nikolaos; noor nur nour; oleg oleh; omar umar omer;
osama usama; othman osman usman uthman; pavel pavlo; philip phillip philipp filip; piotr pyotr petro petr;
rachel rachael; rafael raphael; rashid rasheed; said saeed saeid sayed; samir sameer; sara sarah; sean shaun shawn;
sergei sergey serhiy serhii sergej sergiy sergii; sofia sophia sofiya sofiia zofia; stefan stephan; stephen steven;
susanna susannah; svetlana svitlana; sven svend swen; tamer tamir; tatiana tatyana tetiana tatjana;
theresa teresa therese; thomas tomas; tony toni; vasili vasily vassili vasyl vasiliy vassily wassili; victor viktor;
victoria viktoria viktoriya viktoriia; vladimir volodymyr wladimir; vyacheslav viacheslav wjatscheslaw; walid waleed;
walter valter; yahya yehia yahia; yosef yusuf yousef youssef yousuf yusef; youssouf yusuf;
yuri yuriy yury iurii yurii juri jurij iouri; zahra zahraa zehra; zainab zeynep zeinab zaynab; zhanna janna
"""

# Serve as given names and, in some families, as family names: told apart by nothing once their order is turned round.
_FURTHER = """
ahmad hamid hamza hani hashim idris jamal jamil kazim mahdi mahmoud majid malik mansour mubarak nabil nasser othman
rahman rahim ramadan rashid reza saleh salem salim salman sami suleiman taha tariq yasin younis zaki ziad
adrian alvin andre angel arnold ashley aubrey austin barry basil beau bela blake bradley brooke bruce bryce carey
carlos carmen carter cecil chandler chase clark clay clyde cole conrad corey courtney craig cruz dale dallas damian
darren dean delia denzel desmond devon diana diego dylan earl edgar elias elliot ellis elvis emma eva evan felix fabian
finn fisher floyd forrest franklin garrett gavin georgia gilbert glen gordon grace graham grant grayson guy hamilton
harper harrison harvey hayden heath hector hope hudson hugo hunter ian irvin irwin isa ivo jack jade jaime jan jared
jason jasper jay jean jesse jordan joyce julio justin kay keith kelly kelvin kendall kent kerry kevin kirk kurt kyle
lance landon laura lee leon lester levi lewis lincoln lionel lloyd logan lorenz lucian lynn mackenzie marco marion
mario marlon marshall martina marvin mason max melvin merle meredith miguel miles milton mitchell morgan morris murray
murphy neil nelson neville noah noel nolan norman olga otto owen parker pascal pedro percy perry philippe pierce
pierre porter preston quentin quinn rafael ralph ramsey raul ray raymond reed reid rene rex rhys riley rita roman romeo
rory rosa ross roy ruben russell ruth ryan santos scott sergio seth shannon shelby sidney spencer stewart sterling
stuart sydney sylvain tara taylor terrell todd tracy travis trevor tristan troy tyler vaughn vera vernon vivian wade
warren wayne wendell wesley whitney wilfred winston wyatt yves
arjun kumar ravi raj rajesh ram krishna lakshmi mohan prakash prasad anand arun ashok deepak gopal suresh ramesh vijay
wei li lin yang jing ming hong ping an bai yu long tao hui lei yi chen kai jun xin
bayu putra dewi deniz yildiz can arslan emre yilmaz aydin kaya ozan
"""

_Table = dict[str, frozenset[str]]


def _stands_for() -> _Table:
    found: dict[str, set[str]] = {}
    for line in _SHORT_FORMS.split(";"):
        formal, _, shorts = line.strip().partition(": ")
        for short in shorts.split():
            found.setdefault(short, set()).add(formal)
    return {short: frozenset(formals) for short, formals in found.items()}


def _same_as() -> _Table:
    found: dict[str, set[str]] = {}
    for line in _SPELLINGS.split(";"):
        names = line.split()
        for name in names:
            found.setdefault(name, set()).update(names)
    return {name: frozenset(names) for name, names in found.items()}


# A short form: the names it may stand for.
STANDS_FOR: _Table = _stands_for()
# A given name: its other spellings, itself included. Not transitive: what two names share is no tie between others.
SAME_AS: _Table = _same_as()
GIVEN_NAMES: frozenset[str] = frozenset(
    {*STANDS_FOR, *SAME_AS, *_FURTHER.split(), *(name for names in STANDS_FOR.values() for name in names)}
)
