// The searched list. A shop would fetch it, or fetch vectors that were computed once.
export const TITLES = [
  "阔腿牛仔裤女秋冬款潮流百搭宽松",
  "牛仔阔腿裤女大码胖mm高腰显瘦夏季薄款宽松垂感泫雅拖地裤子",
  "阔腿裤男大码高腰宽松",
  "加绒加厚牛仔裤女冬季高腰直筒外穿保暖长裤",
  "羽绒服女中长款冬季白鸭绒连帽外套",
  "无线蓝牙耳机主动降噪超长续航",
  "有机婴幼儿配方奶粉2段900g罐装",
  "不粘锅炒锅家用平底电磁炉燃气灶通用32cm",
];
