//! Given and family names that are common where the lists of the `fake` crate do not reach: Spanish, Polish, Nordic, Czech,
//! Hungarian, Romanian, Greek, Ukrainian, Russian, Arabic, Indian, Vietnamese and Korean ones.

use std::collections::HashSet;
use std::sync::LazyLock;

use fake::locales::{
    AR_SA, CY_GB, DE_DE, Data, EN, FA_IR, FR_FR, IT_IT, JA_JP, NL_NL, PT_BR, PT_PT, TR_TR, ZH_CN, ZH_TW,
};

const GIVEN: &str = "\
    Alejandro Alfonso Alicia Alonso Álvaro Amparo Andrés Ángel Ángeles Antonio Araceli Arturo Beatriz Begoña Belén Carlos \
    Carmen Carolina Concepción Cristina Cristóbal Diego Dolores Eduardo Elena Emilio Enrique Esperanza Esteban Eugenia \
    Fátima Felipe Fernando Francisca Francisco Gabriela Gloria Gonzalo Guadalupe Guillermo Gustavo Héctor Ignacio Íñigo Inés \
    Inmaculada Irene Isabel Iván Jaime Javier Jesús Joaquín Jorge José Josefa Juan Juana Julián Julio Lorena Lourdes Lucía \
    Luis Luisa Luz Manuel Manuela Marcos María Mariana Marina Mario Marta Martín Mateo Mercedes Miguel Mónica Montserrat \
    Natalia Nieves Nuria Óscar Pablo Paula Pedro Pilar Rafael Ramón Raquel Ricardo Roberto Rocío Rodrigo Rosa Rosario Rubén \
    Salvador Santiago Sergio Silvia Sofía Sonia Soledad Susana Teresa Tomás Valentina Vicente Víctor Ximena Yolanda \
    Adam Agata Agnieszka Aleksandra Andrzej Anna Antoni Barbara Bartosz Beata Bogdan Bożena Cezary Danuta Dariusz Dawid \
    Dominik Dorota Elżbieta Ewa Ewelina Filip Franciszek Grażyna Grzegorz Halina Hanna Henryk Irena Iwona Izabela Jacek Jadwiga \
    Jakub Jan Janina Janusz Jarosław Jerzy Joanna Jolanta Justyna Kacper Kamil Karol Karolina Katarzyna Kazimierz Kinga Konrad \
    Krystyna Krzysztof Leszek Łukasz Magdalena Maja Maciej Małgorzata Marcin Marek Marianna Mariusz Marzena Mateusz Michał \
    Mieczysław Mirosław Monika Natalia Oliwia Patryk Paulina Paweł Piotr Przemysław Radosław Rafał Renata Robert Ryszard \
    Sławomir Stanisław Stefan Sylwia Szymon Tadeusz Teresa Tomasz Urszula Wanda Weronika Wiesław Wiktoria Wioletta Witold \
    Władysław Wojciech Zbigniew Zdzisław Zofia Zuzanna Żaneta \
    Agneta Anders Andreas Anette Anita Annika Arne Åke Åsa Astrid Axel Bengt Birgitta Bjarne Björn Bo Bodil Britt Camilla \
    Carina Christer Dag Ebba Einar Elin Ella Elsa Emelie Emil Erik Erling Eskil Eva Fredrik Frida Frode Göran Greta Gunilla \
    Gunnar Gustav Håkan Hanne Harald Hedda Helga Henrik Hilde Inga Ingeborg Inger Ingrid Jens Johan Johanna Jonas Jørgen Kaisa \
    Karin Karl Katrine Kerstin Kirsten Kjell Knut Kristin Lars Leif Lena Linnea Linnéa Lisbet Liv Maj Magnus Malin Margareta \
    Marit Marianne Märta Mats Mette Mikael Mikko Morten Nils Niklas Odd Olav Ole Olof Oskar Pekka Per Pernille Peter Petter \
    Pirkko Ragnar Rasmus Roger Rolf Rune Sanna Signe Sigrid Siri Sissel Sofie Solveig Stig Stina Sune Sven Svein Tapio Terje \
    Thor Thorsten Tiina Timo Tone Tor Torbjörn Tove Trond Tuula Tuomas Ulf Ulla Ulrika Vidar Viktor Vilhelm Viveka Wilma Yngve \
    Bohumil Božena Dagmar Dana Eliška František Hana Ivana Jana Jarmila Jaroslav Jindřich Jiří Josef Jitka Karel Kateřina Lenka \
    Libor Ludmila Lukáš Marie Markéta Miloslav Miroslav Ondřej Pavel Petr Radek Šárka Štěpán Tereza Václav Věra Vladimír \
    Vojtěch Zdeněk Zuzana András Anikó Attila Balázs Bálint Béla Csaba Dániel Dóra Erzsébet Ferenc Gábor Gergely György Gyula \
    Ildikó István János József Judit Kálmán Katalin Krisztina László Levente Márta Miklós Réka Sándor Tamás Zoltán Zsófia \
    Zsuzsanna Adrian Alin Alina Andrei Bogdan Camelia Ciprian Constantin Corina Cosmin Costel Cristian Daniela Dumitru Elena \
    Florin Gabriel Gheorghe Ileana Ilie Ioan Ioana Ion Ionel Ionuț Laurențiu Liviu Loredana Lucian Marius Mihaela Mihai Mircea \
    Monica Nicoleta Nicolae Octavian Ovidiu Petru Raluca Răzvan Simona Sorin Ștefan Teodor Traian Tudor Valentin Vasile Viorel \
    Ivo Ana Ivan Marija Petar Stjepan Željko Zoran Dragan Dušan Goran Jelena Jovan Milan Milica Miloš Nikola Slobodan Snežana \
    Svetlana Vesna Vuk Zlatko Tomislav Mladen Damir Davor Dubravka Krešimir Alexandros Anastasia Andreas Athanasios Christos \
    Despina Dimitrios Dimitris Eleni Evangelos Fotini Georgia Georgios Giannis Giorgos Ioannis Kostas Konstantinos Maria \
    Nikolaos Nikos Panagiotis Sofia Spyros Stavros Vasilis Vassiliki Yannis \
    Olena Andrii Iryna Taras Oksana Bohdan Mariia Yurii Mykola Vasyl Serhii Nataliia Oleksandr Oleksii Dmytro Volodymyr \
    Viktoriia Kateryna Liudmyla Halyna Anatolii Roman Ihor Oleh Svitlana Tetiana Valentyna Vitalii Yaroslav Yevhen Yuliia \
    Aleksandr Alexei Anatoly Andrey Anton Artem Boris Daria Denis Dmitri Dmitry Ekaterina Evgeny Galina Igor Ilya Irina Kirill \
    Konstantin Larisa Leonid Ludmila Maksim Maxim Mikhail Nadezhda Natalya Nikita Nikolai Nina Oksana Oleg Olga Pavel Polina \
    Ruslan Sergei Sergey Stanislav Svetlana Tamara Tatiana Valery Vera Vladimir Vladislav Vyacheslav Yana Yulia Yuri Zoya \
    Олена Андрій Ірина Тарас Оксана Богдан Марія Юрій Микола Василь Сергій Наталія Олександр Олексій Дмитро Володимир \
    Вікторія Катерина Людмила Галина Ігор Олег Світлана Тетяна Віталій Ярослав Євген Юлія Александр Алексей Анатолий Андрей \
    Анна Антон Артем Борис Виктор Владимир Галина Дарья Денис Дмитрий Екатерина Елена Евгений Иван Игорь Илья Ирина Кирилл \
    Константин Ксения Лариса Любовь Максим Мария Михаил Надежда Наталья Никита Николай Ольга Павел Полина Роман Светлана Сергей \
    Татьяна Юлия Юрий \
    Ahmed Ahmad Aisha Ali Amina Amir Amira Aya Bilal Dina Fadi Faisal Farah Fatima Fatma Habib Hadi Hala Hamid Hamza Hana Hanan \
    Hasan Hassan Hoda Huda Hussein Ibrahim Iman Imran Ismail Jamal Kamal Karim Khadija Khaled Khalid Laila Layla Leila Lina \
    Mahmoud Malik Mariam Maryam Mohamed Mohammad Mohammed Mona Muhammad Mustafa Nabil Nadia Nasser Noor Nour Omar Osama Rachid \
    Rami Rania Rashid Reem Said Salim Salma Samir Samira Sara Sarah Tarek Tariq Walid Wael Yasmin Yasmine Youssef Yusuf Zainab \
    Zahra Ziad محمد أحمد احمد محمود مصطفى علي حسن حسين إبراهيم ابراهيم يوسف عمر خالد طارق سعيد كريم عبدالله عبدالرحمن سامي \
    ماجد وليد ياسر هشام فاطمة مريم عائشة زينب ليلى نور هدى سارة منى أمل ريم سلمى هند دينا رانيا ياسمين خديجة \
    Aarav Abhishek Aditi Aditya Ajay Akash Amit Amrita Anand Anil Anita Anjali Ankit Anushka Arjun Arun Arvind Asha Ashok Bharat \
    Deepa Deepak Divya Ganesh Gaurav Gita Harish Ishaan Jaya Kavita Kiran Krishna Kumar Lakshmi Mahesh Manoj Meena Meera \
    Mohan Mukesh Neha Nikhil Nisha Pooja Prakash Pradeep Prashant Priya Priyanka Rahul Raj Rajesh Rajiv Rakesh Ramesh Ravi Rekha \
    Ritu Rohan Rohit Sandeep Sangeeta Sanjay Santosh Shankar Shreya Sita Sneha Suresh Sunil Sunita Swati Uma Usha Varun Vijay \
    Vikram Vinod Vishal Vivek Anh Bao Binh Chau Cuong Dung Duc Duong Giang Hanh Hien Hieu Hoa Hoang Hung Huong Huy Khanh Lan \
    Linh Mai Minh Nga Ngoc Nhung Phuong Quang Quan Quoc Quynh Thanh Thao Thi Thu Thuy Tien Trang Trung Tuan Tuyet \
    Viet Vinh Xuan Yen Hyun Jae Ji Jin Jung Kyung Sung Young Minjun Seoyeon Jiwoo Hayoon 민준 서연 지우 서준 \
    Taro Hanako Kenta Misaki Sho Sakura Daisuke Yoko Yui Naoki Haruto Yuto Sota Hina Aoi Rin Kenji Hiroshi Takashi Akira Yuki \
    Keiko Kazuo Makoto Naoko Satoshi Shinji Tomoko Yumiko Kumiko 太郎 花子 次郎 健太 健一 美咲 翔 翔太 さくら 大輔 陽子 結衣 直樹 \
    拓也 裕子 恵子 智子 由美子 和子 誠 浩 健 愛 葵 陽菜 蓮 Wei Fang Jing Lei Yan Xiuying Ming Hui \
    Callum Siobhan Aoife Niamh Ciara Saoirse Eoin Cillian Ruairi Padraig Oisin Declan Finn Maeve Rhys Gareth Angus Hamish Alfie \
    Archie Freddie Oliver Amelia Harry Isla Poppy Ava Mia Noah Leo Theo Ivy Freya Elsie Mabel Ethan Liam Mason Logan Aiden Tyler \
    Brandon Hunter Madison Brooklyn Kayla Brianna Destiny Latoya Tamika Darnell DeShawn Jamal Malik Aaliyah Ebony Imani \
    Léa Chloé Camille Hugo Lucas Théo Élise Amélie Benoît Zoé Noémie Rémi Anaïs Margaux Manon Océane Inès Lola Jules Louis Gabriel \
    Käthe Jürgen Jörg Björn Heike Sabine Ursula Wolfgang Matthias Leonie Greta Finn Lukas Emil Torsten Uwe Dieter Günter Günther \
    Heinz Horst Ingrid Monika Renate Petra Kerstin Silke Antje Wiebke Niccolò Ilaria Alessia Chiara Matteo Davide Giulia Giorgia \
    Lorenzo Tommaso Sanne Fleur Maaike Thijs Lotte Joost Femke Bram Esmée Daan Sem Willem Pieter Ruben Noor Anouk Jeroen Marieke";

const FAMILY: &str = "\
    Aguilar Alonso Álvarez Arias Ávila Blanco Bravo Caballero Cabrera Calvo Campos Cano Carmona Carrasco Castaño Castillo Castro \
    Cortés Crespo Cruz Delgado Díaz Díez Domínguez Durán Esteban Fernández Ferrer Flores Fuentes Gallardo Gallego García Garrido \
    Gil Giménez Gómez González Guerrero Gutiérrez Hernández Herrera Herrero Hidalgo Ibáñez Iglesias Jiménez León López Lorenzo \
    Lozano Luna Márquez Marín Martín Martínez Medina Mendoza Menéndez Méndez Molina Montero Mora Morales Moreno Moya Muñoz \
    Navarro Nieto Núñez Ortega Ortiz Pascual Pastor Peña Perea Pérez Prieto Ramírez Ramos Reyes Rivera Rodríguez Rojas Román \
    Romero Rubio Ruiz Sáez Sánchez Santana Santiago Santos Sanz Serrano Soler Soto Suárez Torres Valencia Vargas Vázquez Vega \
    Velasco Vicente Vidal Villanueva Zamora Quispe Mamani Huamán Condori Chávez Guzmán Salazar Acosta Ríos Cárdenas \
    Adamczyk Adamska Andrzejewski Baran Bąk Białek Błaszczyk Borkowski Chmielewski Cieślak Czarnecki Czerwiński Dąbrowski \
    Dąbrowska Domański Duda Dudek Gajewski Głowacki Gołąb Górecki Górski Grabowski Grabowska Jabłoński Jabłońska Jakubowski \
    Jankowski Jaworski Kaczmarczyk Kaczmarek Kalinowski Kamiński Kamińska Kania Kasprzak Kołodziej Konieczny Kowalczyk Kowalski \
    Kowalska Kozłowski Kozłowska Krajewski Krawczyk Król Krupa Kubiak Kucharski Kurek Kwiatkowski Kwiatkowska Laskowski Leszczyński \
    Lewandowski Lewandowska Lis Maciejewski Majewski Makowski Malinowski Marciniak Markowski Mazur Mazurek Michalak Michalski \
    Mikołajczyk Mróz Nowak Nowakowski Nowicki Olszewski Ostrowski Pawlak Pawłowski Pawłowska Pietrzak Piotrowski Przybylski \
    Rutkowski Sadowski Sawicki Sikora Sikorski Sobczak Sobczyk Sokołowski Stępień Szczepański Szewczyk Szulc Szymański Szymańska \
    Szymczak Tomaszewski Urban Urbański Walczak Wasilewski Wieczorek Wilk Wiśniewski Wiśniewska Włodarczyk Wojciechowski Wójcik \
    Woźniak Wróbel Wróblewski Wysocki Zając Zakrzewski Zalewski Zawadzki Zieliński Zielińska Ziółkowski Żak \
    Åberg Åkesson Andersson Andersen Arvidsson Axelsson Bengtsson Berg Berggren Berglund Bergman Bergström Björk Blom Carlsson \
    Christensen Christiansen Claesson Dahl Dahlberg Danielsson Ek Eklund Ekström Eliasson Eriksen Eriksson Forsberg Fransson \
    Fredriksson Gunnarsson Gustafsson Håkansson Hagen Halvorsen Hansen Hansson Haugen Hedlund Hellström Henriksson Hermansson \
    Holm Holmberg Holmgren Isaksson Jacobsen Jakobsson Jansson Jensen Jeppesen Johannessen Johansen Johansson Johnsen Jonsson \
    Jørgensen Karlsen Karlsson Knudsen Korhonen Kristensen Kristiansen Larsen Larsson Laine Lind Lindberg Lindgren Lindholm \
    Lindqvist Lindström Lund Lundberg Lundgren Lundin Lundqvist Lundström Madsen Magnusson Mäkinen Mårtensson Mattsson Mikkelsen \
    Møller Månsson Mortensen Nielsen Nieminen Nilsen Nilsson Nordin Norén Nyberg Nygaard Nyström Öberg Ohlsson Olofsson Olsen \
    Olsson Östlund Pedersen Persson Petersen Petersson Pettersen Pettersson Poulsen Rasmussen Samuelsson Sandberg Sjöberg Sjögren \
    Söderberg Solberg Sørensen Ström Sundberg Svensson Thomsen Virtanen Wikström Hämäläinen Heikkinen Järvinen Koskinen \
    Novák Nováková Svoboda Svobodová Novotný Dvořák Dvořáková Černý Černá Procházka Kučera Veselý Horák Němec Pokorný Marek \
    Pospíšil Hájek Jelínek Král Růžička Beneš Fiala Sedláček Doležal Zeman Kolář Navrátil Čermák Vaněk Urbánek Nagy Kovács Tóth \
    Szabó Horváth Varga Kiss Molnár Németh Farkas Balogh Papp Takács Juhász Lakatos Mészáros Simon Rácz Fekete Szilágyi Török \
    Fehér Popa Popescu Ionescu Radu Dumitru Dumitrescu Stan Stoica Gheorghe Matei Ciobanu Constantin Marin Rusu Georgescu Munteanu \
    Moldovan Stanciu Lungu Horvat Kovačević Babić Marić Jurić Novak Knežević Vuković Marković Petrović Nikolić Jovanović Ilić \
    Đorđević Pavlović Stojanović Popović Papadopoulos Papadopoulou Georgiou Dimitriou Nikolaidis Pappas Vlahos Makris Ioannou \
    Shevchenko Kovalenko Bondar Bondarenko Melnyk Tkachenko Tkachuk Lysenko Kravchenko Oliynyk Kovalchuk Koval Polishchuk \
    Rudenko Savchenko Marchenko Petrenko Moroz Pavlenko Hrytsenko Ivanov Ivanova Smirnov Kuznetsov Popov Sokolov Lebedev Kozlov \
    Novikov Morozov Petrov Volkov Solovyov Vasiliev Zaitsev Pavlov Semyonov Golubev Vinogradov Bogdanov Vorobyov Fedorov Mikhailov \
    Шевченко Коваленко Бондар Бондаренко Мельник Ткаченко Ткачук Лисенко Кравченко Олійник Ковальчук Коваль Поліщук Руденко \
    Савченко Марченко Петренко Мороз Павленко Иванов Иванова Смирнов Кузнецов Кузнецова Попов Соколов Лебедев Козлов Новиков \
    Морозов Петров Петрова Волков Соловьёв Васильев Зайцев Павлов \
    ElSayed AbdelRahman Haddad Khoury Mansour Nasr Saleh Sharif Elsherif Suleiman Soliman Farouk Hamdan Najjar Aziz Rahman Hakim \
    Qureshi Siddiqui Chaudhry Sheikh Mirza Begum Khan Hossain Rahmani Ahmadi Benali Bouzid Cherif Mansouri Haddadi Amrani Alaoui \
    حسن إبراهيم السيد عبدالله منصور الشريف سليمان فاروق محمود الحسن العلي المصري النجار الحداد الخطيب حمدان صالح ناصر القاسم \
    Agarwal Banerjee Bhat Bose Chatterjee Chopra Das Desai Dutta Ghosh Gupta Iyer Jain Jha Joshi Kapoor Kaur Khanna Kulkarni \
    Malhotra Mehta Menon Mishra Mukherjee Nair Naidu Pandey Patel Patil Pillai Rao Reddy Saxena Sen Shah Sharma Shetty Shukla Singh \
    Sinha Srinivasan Srivastava Thakur Tiwari Trivedi Varma Verma Yadav Nguyen Tran Pham Huynh Phan Vuong Dang Bui Truong Trinh \
    Dinh Doan Kim Lee Park Choi Jeong Kang Cho Yoon Jang Lim Shin Kwon Hwang 김 이 박 최 정 강 조 윤 장 임 \
    Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Yamaguchi Matsumoto Inoue \
    Kimura Hayashi Shimizu Saito Mori Abe Ikeda Hashimoto Ishikawa Ogawa Okada Hasegawa Fujita Goto Wang Li Zhang Liu Chen Yang \
    Zhao Huang Zhou Wu Xu Zhu Gao Lin Guo Luo Liang Tang \
    O'Connor O'Brien O'Neill O'Sullivan McCarthy McAllister McDonald McKenzie MacLeod Fitzgerald Fitzpatrick Gallagher Doherty \
    Byrne Kavanagh Brennan Nolan Whelan Griffiths Llewellyn Pritchard Davies Evans Hughes Lloyd Jenkins Patel Begum Clarke Walker \
    Wright Hall Wood Cooper Harris Hernandez Martinez Rodriguez Gonzalez Lopez Perez Sanchez Ramirez Torres Rivera Gomez Diaz Reyes \
    Moreau Lefèvre Lemaître Lefebvre Girard Rousseau Chevalier Gauthier Renaud Picard Hébert Beauséjour Tremblay Gagnon Bouchard \
    Garnier Faure Blanchard Mercier Dupont Durand Dubois Boyer Marchand Perrin Guérin Gonçalves Araújo Magalhães Brandão Assunção \
    Conceição Antunes Nogueira Figueiredo Queiroz Cavalcanti Peixoto Bittencourt";

static NAMES: LazyLock<Names> = LazyLock::new(Names::read);

struct Names {
    /// As they are written, in lower case.
    all: HashSet<String>,
    given: HashSet<String>,
    family: HashSet<String>,
    /// As they stand in names of accounts and in addresses: letters of ASCII alone, in lower case, at least [`SHORTEST`].
    plain: HashSet<String>,
    /// Family names in Chinese characters, which stand before the given one without a space.
    chinese: Vec<String>,
}

/// Letters of a name that is told inside the name of an account.
const SHORTEST: usize = 4;

impl Names {
    fn read() -> Self {
        let words = |text: &'static str| text.split_whitespace();
        let given = names(0).chain(words(GIVEN)).map(str::to_lowercase);
        let given: HashSet<String> = given.collect();
        let family = names(1).chain(words(FAMILY)).map(str::to_lowercase);
        let family: HashSet<String> = family.collect();
        let all: HashSet<String> = given.union(&family).cloned().collect();
        let latin = all.iter().flat_map(|name| plain_forms(name));
        let plain = latin.filter(|name| name.len() >= SHORTEST).collect();
        let chinese = family.iter().filter(|name| is_chinese(name)).cloned().collect();
        Self {
            all,
            given,
            family,
            plain,
            chinese,
        }
    }
}

/// What a locale of the `fake` crate has.
fn lists<L: Data>() -> [&'static [&'static str]; 2] {
    [L::NAME_FIRST_NAME, L::NAME_LAST_NAME]
}

/// Given (0) or family names (1) of all languages that the `fake` crate has.
fn names(which: usize) -> impl Iterator<Item = &'static str> {
    let all = [
        lists::<AR_SA>(),
        lists::<CY_GB>(),
        lists::<DE_DE>(),
        lists::<EN>(),
        lists::<FA_IR>(),
        lists::<FR_FR>(),
        lists::<IT_IT>(),
        lists::<JA_JP>(),
        lists::<NL_NL>(),
        lists::<PT_BR>(),
        lists::<PT_PT>(),
        lists::<TR_TR>(),
        lists::<ZH_CN>(),
        lists::<ZH_TW>(),
    ];
    all.into_iter()
        .filter_map(move |both| both.get(which).copied())
        .flatten()
        .map(|name| name.trim())
}

/// A name in letters of ASCII: `müller` is `muller` and `mueller`.
fn plain_forms(name: &str) -> Vec<String> {
    if is_chinese(name) || !name.chars().any(|c| c.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
    let spelled = name.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
    let mut forms = vec![
        letters(&deunicode::deunicode(name).to_ascii_lowercase()),
        letters(&deunicode::deunicode(&spelled).to_ascii_lowercase()),
    ];
    forms.dedup();
    forms
}

fn is_chinese(text: &str) -> bool {
    text.chars().all(
        |c| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}' | ' '),
    )
}

/// Whether a word, with what is written around it, is a common given or family name.
pub(super) fn is_name(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphabetic());
    let least = if is_chinese(word) { 1 } else { 3 };
    word.chars().count() >= least && NAMES.all.contains(&word.to_lowercase())
}

/// Whether a text without spaces between its words is a family name and a given one, as in Chinese and Japanese.
pub(super) fn is_written_together(text: &str) -> bool {
    is_chinese(text)
        && (2..=6).contains(&text.chars().filter(|c| *c != ' ').count())
        && NAMES
            .chinese
            .iter()
            .any(|family| text.starts_with(family.as_str()))
}

/// Whether a word in lower case is a given name, and whether it is a family name.
pub(super) fn given_or_family(word: &str) -> (bool, bool) {
    (NAMES.given.contains(word), NAMES.family.contains(word))
}

/// Whether a text without spaces is made from somebody's name, as names of accounts are: `jsmith`, `anna.k`, `mueller42`,
/// `the_real_anna`.
pub(super) fn is_made_of_a_name(text: &str) -> bool {
    let known = |piece: &str| piece.len() >= SHORTEST && NAMES.plain.contains(piece);
    text.split(|c: char| !c.is_ascii_alphabetic()).any(|piece| {
        let piece = piece.to_ascii_lowercase();
        known(&piece)
            || piece
                .get(1..)
                .is_some_and(|rest| rest.len() > SHORTEST && known(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_languages_are_known() {
        for name in [
            "Anna",
            "MÜLLER",
            "Nuñez,",
            "Wiśniewska",
            "Sjöberg",
            "محمد",
            "Олена",
            "佐藤",
            "Dvořák",
            "Kovács",
        ] {
            assert_eq!(is_name(name), name != "Nuñez,", "{name}");
        }
        assert!(is_written_together("佐藤太郎") && is_written_together("王 伟"));
        assert!(!is_written_together("営業時間") && !is_written_together("Main Street"));
    }

    #[test]
    fn names_of_accounts_hold_names_of_people() {
        for account in [
            "jsmith",
            "anna.k",
            "mueller42",
            "the_real_anna",
            "MILLER-JAMES",
            "jkowalska",
        ] {
            assert!(is_made_of_a_name(account), "{account}");
        }
        for other in ["index", "local_latest", "main-2", "ab12cd34", "INV-2024-001", ""] {
            assert!(!is_made_of_a_name(other), "{other}");
        }
    }
}
