// The kinds of products: what sellers call them, and what customers call them without knowing the word.
//
//   name     the noun of the titles; `also`: nouns that sellers add
//   say      how customers describe it; no title has these words
//   price    from, to, in yuan
//   colors   true if the variants differ by color
//   size     the kind of size: see sizes.mjs
//   shape    the picture: see www/picture.js
//   model    a pattern of model numbers: letters A, digits 9, other characters as they are

const clothing = { colors: true, size: "clothes", features: "clothes" };
const shoe = { colors: true, size: "shoes", features: "shoes", shape: "shoe" };
const kitchen = { colors: true, features: "kitchen" };
const digital = { colors: true, features: "digital" };
const home = { colors: true, features: "home" };
const baby = { colors: true, features: "baby" };
const beauty = { colors: false, features: "beauty" };
const food = { colors: false, features: "food" };
const outdoor = { colors: true, features: "outdoor" };
const car = { colors: false, features: "car" };
const pet = { colors: true, features: "pet" };
const office = { colors: true, features: "office" };

export const TYPES = [
  // 女装、男装
  { category: "服装", name: "阔腿裤", also: ["长裤", "垂感裤"], say: ["裤腿很宽的下装", "遮住腿型的下身穿搭"], price: [39, 299], shape: "trousers", ...clothing },
  { category: "服装", name: "牛仔裤", also: ["直筒裤", "小脚裤"], say: ["蓝色丹宁布的下装", "耐磨的丹宁布下装"], price: [49, 399], shape: "trousers", ...clothing },
  { category: "服装", name: "羽绒服", also: ["外套", "面包服"], say: ["零下也不冷的上衣", "填充鸭毛的厚上衣"], price: [159, 1299], shape: "coat", ...clothing },
  { category: "服装", name: "连衣裙", also: ["长裙", "裙子"], say: ["一件就能出门的女士衣服", "上下连在一起的衣服"], price: [59, 599], shape: "dress", ...clothing },
  { category: "服装", name: "卫衣", also: ["套头衫", "连帽衫"], say: ["带帽子的休闲上衣", "学生常穿的套头上衣"], price: [39, 269], shape: "shirt", ...clothing },
  { category: "服装", name: "衬衫", also: ["衬衣", "上衣"], say: ["面试穿的带领子的衣服", "配西服的打底衣服"], price: [49, 359], shape: "shirt", ...clothing },
  { category: "服装", name: "T恤", also: ["短袖", "体恤"], say: ["夏天穿的圆领上衣", "大热天穿的棉质上衣"], price: [19, 159], shape: "shirt", ...clothing },
  { category: "服装", name: "睡衣", also: ["家居服", "套装"], say: ["晚上休息穿的衣服", "在家躺着穿的衣服"], price: [39, 259], shape: "shirt", ...clothing },
  { category: "服装", name: "西装外套", also: ["小西装", "西服"], say: ["上班开会穿的正式上衣", "显得干练的上衣"], price: [99, 899], shape: "coat", ...clothing },
  { category: "服装", name: "瑜伽裤", also: ["健身裤", "紧身裤"], say: ["做拉伸运动穿的下装", "练普拉提穿的下装"], price: [39, 239], shape: "trousers", ...clothing },
  // 鞋靴
  { category: "鞋靴", name: "跑步鞋", also: ["运动鞋", "跑鞋"], say: ["晨跑穿的鞋子", "马拉松训练穿在脚上的"], price: [99, 899], ...shoe },
  { category: "鞋靴", name: "雪地靴", also: ["短靴", "棉鞋"], say: ["下雪天穿不冻脚的鞋子", "东北冬天穿的鞋子"], price: [69, 399], ...shoe },
  { category: "鞋靴", name: "凉鞋", also: ["沙滩鞋", "罗马鞋"], say: ["露脚趾的鞋子", "海边玩水穿的鞋子"], price: [29, 259], ...shoe },
  { category: "鞋靴", name: "高跟鞋", also: ["单鞋", "细跟"], say: ["让人显高的女士鞋子", "参加婚礼穿的女士鞋子"], price: [69, 599], ...shoe },
  { category: "鞋靴", name: "登山鞋", also: ["徒步鞋", "户外鞋"], say: ["爬山走石头路穿的鞋子", "防滑耐磨走野路的鞋子"], price: [129, 999], ...shoe },
  // 厨具
  { category: "厨房", name: "保温杯", also: ["水杯", "水壶"], say: ["带去办公室喝热水的容器", "早上灌的开水晚上还烫"], price: [29, 299], size: "volume", shape: "bottle", ...kitchen },
  { category: "厨房", name: "不粘锅", also: ["炒锅", "平底锅"], say: ["煎鸡蛋不会糊底的炊具", "炒菜少油的炊具"], price: [59, 599], size: "pan", shape: "pan", ...kitchen },
  { category: "厨房", name: "电饭煲", also: ["电饭锅", "煮饭锅"], say: ["自动把大米煮熟的电器", "插电焖米的家电"], price: [99, 899], size: "liters", shape: "cooker", model: "AA-999", ...kitchen },
  { category: "厨房", name: "空气炸锅", also: ["电炸锅", "炸薯条机"], say: ["不用油做鸡翅的电器", "在家做薯条的电器"], price: [129, 699], size: "liters", shape: "cooker", model: "AA99A", ...kitchen },
  { category: "厨房", name: "菜刀", also: ["切片刀", "厨师刀"], say: ["切肉切蔬菜的工具", "厨师用的锋利工具"], price: [29, 499], shape: "knife", ...kitchen },
  { category: "厨房", name: "咖啡机", also: ["意式浓缩", "奶泡机"], say: ["在家做拿铁的电器", "早上提神饮料的电器"], price: [199, 3999], shape: "cooker", model: "AA-9999", ...kitchen },
  { category: "厨房", name: "破壁机", also: ["豆浆机", "料理机"], say: ["打五谷糊糊的电器", "把水果打成汁的电器"], price: [149, 1299], size: "liters", shape: "cooker", model: "A999A", ...kitchen },
  // 数码
  { category: "数码", name: "蓝牙耳机", also: ["无线耳机", "入耳式"], say: ["没有线的听歌设备", "坐地铁听音乐塞在耳朵里的"], price: [49, 1999], shape: "headphones", model: "AA-99A", ...digital },
  { category: "数码", name: "充电宝", also: ["移动电源", "快充"], say: ["手机没电时随身补电的", "出差带着给手机续命的"], price: [39, 399], size: "capacity", shape: "box", model: "A99", ...digital },
  { category: "数码", name: "机械键盘", also: ["电竞键盘", "青轴"], say: ["打字有清脆声音的电脑配件", "写代码手感好的输入设备"], price: [99, 1299], shape: "keyboard", model: "A99A99", ...digital },
  { category: "数码", name: "显示器", also: ["电脑屏幕", "电竞屏"], say: ["台式电脑外接的面板", "看图改图的大面板"], price: [499, 4999], size: "inches", shape: "screen", model: "AA999A", ...digital },
  { category: "数码", name: "相机镜头", also: ["定焦镜头", "变焦"], say: ["拍人像背景虚化的配件", "单反上拧的光学配件"], price: [599, 9999], shape: "lens", model: "A99A99", ...digital },
  { category: "数码", name: "智能手表", also: ["运动手环", "手表"], say: ["戴在手腕上测心率的", "能看微信消息的腕上设备"], price: [129, 2999], shape: "watch", model: "A9 AA", ...digital },
  { category: "数码", name: "路由器", also: ["无线WiFi", "千兆"], say: ["让全家都能上网的设备", "信号穿墙的上网设备"], price: [79, 999], shape: "box", model: "AA9999", ...digital },
  { category: "数码", name: "行车记录仪", also: ["车载摄像头", "高清夜视"], say: ["开车时录下路况的", "防碰瓷的摄像设备"], price: [129, 999], shape: "box", model: "A999", ...digital },
  // 家居
  { category: "家居", name: "四件套", also: ["被套床单", "床上用品"], say: ["铺在床上的全套布料", "新房卧室要换的布料"], price: [79, 999], size: "bed", shape: "bed", ...home },
  { category: "家居", name: "乳胶枕", also: ["枕头", "护颈枕"], say: ["脖子不舒服睡觉垫的", "落枕的人晚上垫着睡的"], price: [59, 499], shape: "pillow", ...home },
  { category: "家居", name: "收纳箱", also: ["整理箱", "储物盒"], say: ["装换季衣服的大盒子", "宿舍放杂物的大盒子"], price: [19, 159], size: "box", shape: "box", ...home },
  { category: "家居", name: "台灯", also: ["护眼灯", "阅读灯"], say: ["孩子写作业照亮桌面的", "晚上看书不伤眼的照明"], price: [39, 599], shape: "lamp", model: "AA-99", ...home },
  { category: "家居", name: "加湿器", also: ["喷雾机", "香薰机"], say: ["让干燥的房间变湿润的", "北方暖气房往空气里喷水的"], price: [49, 599], size: "liters", shape: "cooker", model: "A9-99", ...home },
  { category: "家居", name: "扫地机器人", also: ["吸尘器", "拖地一体机"], say: ["自己在地板上打扫的机器", "懒人清理灰尘的机器"], price: [599, 4999], shape: "disc", model: "A99 AA", ...home },
  { category: "家居", name: "窗帘", also: ["遮光帘", "卧室客厅成品"], say: ["挡住阳光好睡懒觉的布", "防止对面邻居看见的布"], price: [49, 699], shape: "curtain", ...home },
  // 母婴
  { category: "母婴", name: "纸尿裤", also: ["尿不湿", "拉拉裤"], say: ["新生宝贝屁股穿的一次性用品", "宝贝夜里不漏的一次性用品"], price: [39, 299], size: "baby", shape: "box", ...baby, colors: false },
  { category: "母婴", name: "婴儿推车", also: ["手推车", "伞车"], say: ["带小宝贝出门坐的轮子车", "可以躺的宝贝出行工具"], price: [199, 2999], shape: "stroller", model: "AA-9A", ...baby },
  { category: "母婴", name: "奶瓶", also: ["宽口径", "断奶神器"], say: ["给小宝贝冲奶粉喝的容器", "不呛奶的喂养容器"], price: [19, 199], size: "volume", shape: "bottle", ...baby },
  { category: "母婴", name: "积木", also: ["拼装玩具", "益智玩具"], say: ["小朋友搭城堡的小块", "锻炼动手能力的小颗粒"], price: [29, 499], shape: "blocks", ...baby },
  { category: "母婴", name: "儿童书包", also: ["双肩包", "小学生背包"], say: ["上学装课本背在肩上的", "一年级开学背的"], price: [39, 399], shape: "bag", ...baby },
  // 美妆
  { category: "美妆", name: "防晒霜", also: ["隔离乳", "SPF50+"], say: ["军训不会晒黑涂的", "夏天出门挡紫外线涂脸上的"], price: [29, 299], size: "grams", shape: "tube", ...beauty },
  { category: "美妆", name: "口红", also: ["唇釉", "唇膏"], say: ["涂在嘴上显气色的", "送女友涂嘴上的小礼物"], price: [29, 399], shape: "tube", ...beauty },
  { category: "美妆", name: "面膜", also: ["补水贴", "面膜贴"], say: ["敷脸上十五分钟的", "熬夜后急救脸部的"], price: [19, 299], size: "pieces", shape: "box", ...beauty },
  { category: "美妆", name: "洗发水", also: ["洗头膏", "洗发露"], say: ["清洁头皮的液体", "头屑多的人洗澡用的"], price: [19, 199], size: "volume", shape: "bottle", ...beauty },
  { category: "美妆", name: "电动牙刷", also: ["声波牙刷", "成人款"], say: ["自动清洁口腔的", "刷得更干净的震动口腔工具"], price: [49, 699], shape: "brush", model: "A9", ...beauty, colors: true },
  // 食品
  { category: "食品", name: "绿茶", also: ["明前龙井", "新茶"], say: ["送长辈泡着喝的叶子", "清明前采的嫩叶"], price: [29, 999], size: "grams", shape: "tin", ...food },
  { category: "食品", name: "坚果礼盒", also: ["每日坚果", "零食大礼包"], say: ["过年走亲戚拎的果仁", "追剧吃的健康果仁"], price: [39, 299], size: "grams", shape: "box", ...food },
  { category: "食品", name: "大米", also: ["东北米", "香米"], say: ["煮饭的粮食", "家里做主食的谷物"], price: [29, 199], size: "kilos", shape: "sack", ...food },
  { category: "食品", name: "咖啡豆", also: ["现磨", "深度烘焙"], say: ["研磨后冲泡提神的", "手冲爱好者研磨的"], price: [39, 299], size: "grams", shape: "sack", ...food },
  // 户外
  { category: "户外", name: "帐篷", also: ["露营装备", "天幕"], say: ["在野外过夜住的", "公园草地上遮阳休息的"], price: [99, 1999], size: "persons", shape: "tent", ...outdoor },
  { category: "户外", name: "冲锋衣", also: ["外套", "三合一"], say: ["登山挡风挡雨的上衣", "去西藏旅行穿的上衣"], price: [199, 1999], shape: "coat", size: "clothes", ...outdoor },
  { category: "户外", name: "自行车", also: ["山地车", "公路车"], say: ["脚踩的两个轮子代步工具", "骑行上班锻炼身体的"], price: [399, 4999], size: "wheels", shape: "bicycle", model: "AA999", ...outdoor },
  { category: "户外", name: "鱼竿", also: ["钓竿", "台钓竿"], say: ["在河边等鱼上钩的", "退休大爷水库边用的"], price: [49, 999], size: "meters", shape: "rod", ...outdoor },
  { category: "户外", name: "瑜伽垫", also: ["健身垫", "加厚防滑垫"], say: ["在地上做拉伸铺的", "家里锻炼怕吵楼下铺的"], price: [29, 299], shape: "mat", ...outdoor },
  // 汽车
  { category: "汽车", name: "轮胎", also: ["汽车外胎", "静音胎"], say: ["车子跑久磨平要换的橡胶", "汽车四个角要换的橡胶"], price: [199, 1599], size: "tire", shape: "disc", ...car },
  { category: "汽车", name: "机油", also: ["全合成", "润滑油"], say: ["发动机保养换的液体", "五千公里保养换的液体"], price: [99, 699], size: "oil", shape: "can", ...car },
  { category: "汽车", name: "汽车坐垫", also: ["座套", "四季通用"], say: ["开车久了屁股不闷的", "铺在驾驶位上的"], price: [79, 999], shape: "pillow", ...car, colors: true },
  // 宠物、办公
  { category: "宠物", name: "猫粮", also: ["全价粮", "幼猫成猫"], say: ["喵星人每天吃的", "给布偶吃的主食"], price: [29, 499], size: "kilos", shape: "sack", ...pet, colors: false },
  { category: "宠物", name: "狗窝", also: ["宠物床", "狗垫子"], say: ["毛孩子睡觉的地方", "给金毛睡觉的地方"], price: [29, 399], shape: "pillow", ...pet },
  { category: "宠物", name: "猫砂盆", also: ["猫厕所", "全封闭"], say: ["喵星人方便的地方", "喵星人上厕所不臭的"], price: [39, 499], shape: "box", ...pet },
  { category: "办公", name: "人体工学椅", also: ["电脑椅", "办公椅"], say: ["久坐腰不疼坐的", "程序员加班坐的"], price: [299, 2999], shape: "chair", model: "A9", ...office },
  { category: "办公", name: "笔记本", also: ["记事本", "手账本"], say: ["开会写字的纸", "写日记的纸"], price: [5, 99], shape: "book", ...office },
  { category: "办公", name: "钢笔", also: ["签字笔", "礼盒装"], say: ["练字灌墨水的", "送老师的书写礼物"], price: [19, 599], shape: "pen", ...office },
];
