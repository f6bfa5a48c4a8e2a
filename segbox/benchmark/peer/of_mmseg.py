"""The works of mmsegmentation 1.x."""

import functools
import os

import numpy as np
import shared
import torch


def versions():
    import mmengine
    import mmseg

    return {"mmsegmentation": mmseg.__version__, "mmengine": mmengine.__version__}


def loss(classes, size, batch):
    from mmseg.models.losses import CrossEntropyLoss
    from mmseg.models.utils import resize

    logits = torch.from_numpy(shared.scores(batch, classes, *shared.strided(size))).requires_grad_()
    labels = torch.from_numpy(shared.class_ids(classes, batch, *size)).long()
    criterion = CrossEntropyLoss(avg_non_ignore=True)

    def run():
        wide = resize(logits, tuple(size), mode="bilinear", align_corners=False)
        return torch.autograd.grad(criterion(wide, labels, ignore_index=shared.IGNORED), logits)[0]

    return run, run


def known_segmentor(classes, size, window, step):
    """mmsegmentation's inference on logits that are there already."""
    from mmengine.config import ConfigDict
    from mmseg.models.segmentors import EncoderDecoder
    from mmseg.models.utils import resize

    logits = torch.from_numpy(shared.scores(1, classes, *shared.strided(size)))
    cells = shared.strided(window)

    class Known(EncoderDecoder):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.align_corners, self.out_channels = False, classes
            slide = dict(mode="slide", crop_size=tuple(window), stride=tuple(step))
            self.test_cfg = ConfigDict(dict(mode="whole") if window == size else slide)

        def encode_decode(self, inputs, batch_img_metas):
            places = [(0, 0)] if window == size else shared.places_of(inputs)
            found = [shared.window_of(logits, y, x, *cells) for y, x in places]
            return resize(torch.cat(found), inputs.shape[2:], mode="bilinear", align_corners=False)

    return Known()


def evaluation(classes, size, window, step):
    from mmseg.evaluation import IoUMetric
    from mmseg.structures import SegDataSample

    model = known_segmentor(classes, size, window, step)
    image = torch.from_numpy(shared.with_places(*size)).float()
    labels = shared.class_ids(classes, *size)
    truth = torch.from_numpy(labels).long()
    sample = SegDataSample(metainfo=dict(ori_shape=tuple(size), img_shape=tuple(size), pad_shape=tuple(size)))

    @torch.no_grad()
    def guess():
        return model.predict(image, [sample])[0].pred_sem_seg.data.squeeze()

    def run():
        return IoUMetric.intersect_and_union(guess(), truth, classes, shared.IGNORED)

    return run, lambda: shared.confusion(guess().numpy(), labels, classes)


def files(root, suffix, classes, size):
    """The loop of mmengine's test runner, without the network."""
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import init_default_scope
    from mmseg.datasets import BaseSegDataset
    from mmseg.evaluation import IoUMetric
    from mmseg.models import SegDataPreProcessor

    init_default_scope("mmseg")
    resize = dict(type="Resize", scale=tuple(size[::-1]), keep_ratio=True)
    dataset = BaseSegDataset(
        data_root=root,
        data_prefix=dict(img_path="images", seg_map_path="annotations"),
        img_suffix=f".{suffix}",
        seg_map_suffix=".png",
        metainfo=dict(classes=[str(k) for k in range(classes)]),
        pipeline=[dict(type="LoadImageFromFile"), resize, dict(type="LoadAnnotations"), dict(type="PackSegInputs")],
    )
    loader = torch.utils.data.DataLoader(dataset, collate_fn=pseudo_collate)
    model = known_segmentor(classes, size, size, size)
    model.data_preprocessor = SegDataPreProcessor(mean=shared.MEAN, std=shared.STD, bgr_to_rgb=True)
    metric = IoUMetric()
    metric.dataset_meta = dataset.metainfo

    @torch.no_grad()
    def run():
        metric.results.clear()
        for batch in loader:
            metric.process(batch, [found.to_dict() for found in model.test_step(batch)])
        found, _, predicted, true = metric.results[0]
        return torch.stack([found, predicted, true])

    return run, run


def metric(classes, size):
    from mmseg.evaluation import IoUMetric

    guess, truth = (
        torch.from_numpy(ids) for ids in (shared.class_ids(classes, *size) % classes, shared.class_ids(classes, *size))
    )
    guess = guess.roll(5, dims=1)

    def run():
        return IoUMetric.intersect_and_union(guess.long(), truth.long(), classes, shared.IGNORED)

    def check():
        found, _, predicted, true = run()
        return torch.stack([found, predicted, true])

    return run, check


def model_of(model, classes, weights):
    """A model of mmsegmentation's own configs, its weights in a file, and its config as text."""
    import mmseg
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    init_default_scope("mmseg")
    config = Config.fromfile(os.path.join(os.path.dirname(mmseg.__file__), ".mim", "configs", model))
    prepare(config.model, classes)
    torch.manual_seed(0)
    built = MODELS.build(config.model).float()
    torch.save({"state_dict": built.state_dict(), "meta": {"cfg": f"model = {config.model.to_dict()!r}"}}, weights)
    return built


def prepare(part, classes):
    """No downloads, no norms that need several processes, no dropout, and this number of classes."""
    for values in part if isinstance(part, (list, tuple)) else [part]:
        if not isinstance(values, dict):
            continue
        if values.get("type") == "SyncBN":
            values["type"] = "BN"
        if values.get("type") == "SegDataPreProcessor":
            values["size"] = None
        if values.get("type") == "CrossEntropyLoss":
            values["avg_non_ignore"] = True  # else, the mean is over ignored pixels too
        fixed = {"pretrained": None, "init_cfg": None, "dropout_ratio": 0.0, "num_classes": classes}
        values.update({key: value for key, value in fixed.items() if key in values})
        for value in values.values():
            prepare(value, classes)


def samples_of(labels):
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    size = dict(ori_shape=labels.shape[1:], img_shape=labels.shape[1:], pad_shape=labels.shape[1:])
    return [
        SegDataSample(gt_sem_seg=PixelData(data=torch.from_numpy(own)[None].long()), metainfo=size) for own in labels
    ]


def inputs_of(size, batch):
    """Images in the order of OpenCV, which the model turns round."""
    return [torch.from_numpy(image[::-1].copy()) for image in shared.pixels(batch, 3, *size)]


def train(model, classes, size, batch, weights):
    from mmengine.optim import OptimWrapper

    built = model_of(model, classes, weights)
    built.data_preprocessor.size = tuple(size)
    built.train()
    optimizer = torch.optim.SGD(built.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    wrapper = OptimWrapper(optimizer=optimizer)
    data = {"inputs": inputs_of(size, batch), "data_samples": samples_of(shared.class_ids(classes, batch, *size))}

    def run():
        return built.train_step(data, wrapper)["loss"]

    return run, run


def infer(model, classes, size, batch, weights):
    built = model_of(model, classes, weights)
    built.eval()
    images = torch.stack(inputs_of(size, batch))
    samples = samples_of(shared.class_ids(classes, batch, *size))

    @torch.no_grad()
    def predicted():
        data = built.data_preprocessor({"inputs": images, "data_samples": samples}, training=False)
        return built.predict(data["inputs"], data["data_samples"])

    return predicted, lambda: torch.stack([sample.seg_logits.data for sample in predicted()])


def sample(image, label, scale, crop):
    from mmcv.transforms import Compose
    from mmengine.registry import init_default_scope

    init_default_scope("mmseg")
    load = [dict(type="LoadImageFromFile"), dict(type="LoadAnnotations")]
    changes = [
        dict(type="RandomResize", scale=tuple(scale[::-1]), ratio_range=(0.5, 2.0), keep_ratio=True),
        dict(type="RandomCrop", crop_size=tuple(crop), cat_max_ratio=0.75),
        dict(type="RandomFlip", prob=0.5),
        dict(type="PhotoMetricDistortion"),
        dict(type="PackSegInputs"),
    ]
    loaded, whole = Compose(load), Compose([*load, *changes])
    about = dict(img_path=image, seg_map_path=label, label_map=None, reduce_zero_label=False, seg_fields=[])
    np.random.seed(0)

    def check():
        found = loaded(dict(about))
        return np.concatenate([found["img"][..., ::-1], found["gt_seg_map"][..., None]], axis=2)

    return functools.partial(fresh, whole, about), check


def fresh(pipeline, about):
    return pipeline({**about, "seg_fields": []})


WORKS = {
    "loss": loss,
    "eval": evaluation,
    "slide": evaluation,
    "files": files,
    "metric": metric,
    "train": train,
    "infer": infer,
    "data": sample,
}
