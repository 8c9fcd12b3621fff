// The example of the model card, and more product titles.

/** The example `inputs` of the model card. */
export const CARD = {
  source_sentence: ["阔腿裤女冬牛仔"],
  sentences_to_compare: [
    "阔腿牛仔裤女秋冬款潮流百搭宽松。",
    "牛仔阔腿裤女大码胖mm高腰显瘦夏季薄款宽松垂感泫雅拖地裤子。",
    "阔腿裤男大码高腰宽松。",
  ],
};

/** The initial query and candidates of the page. */
export const PAGE = {
  query: CARD.source_sentence[0],
  candidates: [
    ...CARD.sentences_to_compare,
    "加绒加厚牛仔裤女冬季高腰直筒外穿保暖长裤",
    "羽绒服女中长款2024新款冬季白鸭绒连帽外套",
    "无线蓝牙耳机主动降噪超长续航适用苹果华为",
    "有机婴幼儿配方奶粉2段900g罐装",
    "不粘锅炒锅家用平底电磁炉燃气灶通用32cm",
  ],
};
