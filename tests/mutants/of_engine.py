"""Mutants of the run: the loop, hooks, the optimizer's groups, checkpoints, metrics."""

from tests.mutants.mutant import in_file

RUN = "tests/engine/test_runner.py"
APART = "tests/engine/test_processes_apart.py"
STEPS = "accumulated or plain or clipped or nan or averaged or finite or gradient"
HOOKS = "tests/engine/test_hooks.py"
METRICS = "tests/evaluation/test_metrics.py tests/evaluation/test_metric_set.py"

OF_ENGINE = [
    *in_file("engine/runner.py", APART, [
        ("run: buffers are not shared before an evaluation", "distributed.broadcast(model.buffers())", "pass"),
        ("run: the same dropout in all processes", "(self.seed, distributed.rank(), self.step)",
         "(self.seed, 0, self.step)"),
        ("run: the same dropout at all steps", "(self.seed, distributed.rank(), self.step)",
         "(self.seed, distributed.rank(), 0)"),
        ("run: dropout goes on where it was", "torch.manual_seed(hash(", "(hash("),
    ]),
    *in_file("engine/runner.py", f"{RUN} -k '{STEPS}'", [
        ("run: losses of parts are summed", "self.scaler.scale(sum(losses.values()) / len(micro_batches))",
         "self.scaler.scale(sum(losses.values()))"),
        ("run: gradients are not cleared", "self.optimizer.zero_grad(set_to_none=True)", "pass"),
        ("run: no clipping", "nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_grad)",
         "gradient_norm(self.model.parameters())"),
        ("run: statistics of a dropped step stay", "self.buffers.restore(where=self.is_skipped)", "pass"),
        ("run: the model is scored, not its average", "model = self.averaged_model or self.model",
         "model = self.model"),
        ("run: a dropped step draws no images", "self.draws += self.batch_size",
         "self.draws += self.batch_size * (not self.is_skipped)"),
        ("run: parameters without gradient pass", "if dead:", "if False:"),
    ]),
    *in_file("engine/step_guard.py", f"{RUN} -k '{STEPS}'", [
        ("guard: spoilt gradients pass", "norm.isfinite().logical_not()", "torch.zeros_like(self.is_end)"),
        ("guard: spoilt losses pass", "totals.isfinite().logical_not().any()", "torch.zeros_like(self.is_end)"),
    ]),
    *in_file("engine/step_guard.py", "tests/engine/test_step_guard.py", [
        ("guard: good steps after the end count", "return torch.maximum(is_bad, self.is_end) > 0", "return is_bad > 0"),
        ("guard: bad steps in a row are never forgotten", "(self.in_a_row + 1) * is_bad", "self.in_a_row + is_bad"),
        ("guard: one bad step in a row more", "self.in_a_row > self.most", "self.in_a_row > self.most + 1"),
        ("guard: an error saves steps that were left out", "return min(step, next(ends, step))", "return step"),
        ("guard: fused kernels are not asked", "optimizer.found_inf = is_skipped.float()",
         "optimizer.found_inf = is_skipped.float() * 0"),
        ("guard: the host waits in each step", "if has_stepped and getattr(", "if False and getattr("),
        ("guard: the first step is not waited for", "if has_stepped and getattr(", "if getattr("),
    ]),
    *in_file("engine/not_finite.py", "tests/engine/test_step_guard.py", [
        ("not finite: the count of steps stays", "    runner.go_back_to(step - 1)\n", ""),
        ("not finite: later steps are judged too", "    runner.guard.reports.clear()", "    pass"),
    ]),
    *in_file("engine/step_errors.py", "tests/engine/test_step_guard.py", [
        ("labels: the first id that is no class passes", "max(initial=0) <= num_classes:",
         "max(initial=0) <= num_classes + 1:"),
        ("labels: strange ids of other types pass",
         "    for label, path in zip(labels, batch", "    for label, path in zip((), batch"),
    ]),
    *in_file("engine/state.py", f"{RUN} -k 'resumed_run or fp16_scale or goes_on'", [
        ("resume: no optimizer",
         'load_optimizer_state(runner.optimizer, runner.model, sharded_state(content["optimizer"], runner.model))',
         "pass"),
        ("resume: images from the beginning", 'runner.draws = content.get("draws", runner.step * runner.batch_size)',
         "runner.draws = 0"),
        ("resume: no state of hooks", "runner.hooks[name].load_state_dict(state)", "pass"),
        ("resume: the average begins anew", 'runner.resumed_average = content.get("ema")', "pass"),
    ]),
    *in_file("engine/hooks/lr_schedule.py", HOOKS, [
        ("poly: no power", "(1 - step / steps) ** self.power", "(1 - step / steps)"),
        ("cosine: a quarter", "math.cos(math.pi * progress)", "math.cos(math.pi * progress / 2)"),
        ("steps: a milestone later", "step / steps >= milestone", "step / steps > milestone"),
        ("warm-up: from zero", "(1 - self.warmup_ratio) * step / warmup", "step / warmup"),
        ("warm-up: the schedule does not wait", "self.rate(base, step - warmup, max(1, max_steps - warmup))",
         "self.rate(base, step, max_steps)"),
        ("rates: one for all groups", 'self.rate_at(group["base_lr"]',
         'self.rate_at(runner.optimizer.param_groups[0]["base_lr"]'),
    ]),
    *in_file("engine/hooks/ema.py", HOOKS, [
        ("EMA: as long from the beginning", "min(self.momentum, (1 + runner.step) / (10 + runner.step))",
         "self.momentum"),
        ("EMA: old and new change places", "new = 1 - min(", "new = min("),
        ("EMA: statistics stay",
         "torch._foreach_copy_(list(self.model.buffers()), list(runner.model.buffers()))", "pass"),
        ("EMA: begins anew after a resume", "if runner.resumed_average is not None:", "if False:"),
    ]),
    *in_file("engine/hooks/evaluate.py", HOOKS, [
        ("best: the lowest", "else score > other", "else score < other"),
        ("best: the highest error", "score < other if", "score > other if"),
        ("best: forgotten by a resume", 'return {"highest": self.highest, "highest_step": self.highest_step}',
         'return {"highest": None, "highest_step": 0}'),
        ("evaluation: not after the last step", " or runner.step == runner.max_steps", ""),
    ]),
    *in_file("engine/hooks/checkpoint.py", HOOKS, [
        ("checkpoints: one too few stays", "[: -self.keep]", "[: 1 - self.keep or None]"),
    ]),
    *in_file("engine/optim.py", "tests/engine/test_optim.py", [
        ("optimizer: heads have the backbone's rate", "else head_lr_mult for name", "else 1.0 for name"),
        ("optimizer: the base rate is the backbone's", '"base_lr": rate', '"base_lr": lr'),
        ("optimizer: norms decay", "names_in_norms(model) if norms else set()", "set()"),
        ("optimizer: biases decay", '(biases and name.endswith(".bias"))', "False"),
        ("optimizer: a rule's rate is the head's times", 'rate = lr * settings["lr_mult"]',
         'rate = rate * settings["lr_mult"]'),
        ("optimizer: a rule's decay is ignored", 'decay = settings.get("weight_decay", decay)', "pass"),
        ("optimizer: memory by order, not by name",
         "{i: laid_out(state[name], parameters[name]) for i, name in enumerate(ordered) if name in state}",
         "dict(enumerate(state.values()))"),
        ("optimizer: memory keeps its memory format",
         "torch.empty_like(parameter, dtype=value.dtype).copy_(value)", "value"),
        ("optimizer: fused kernels are not used",
         "if fused or (fused is None and is_fusible(own, model)):", "if fused:"),
        ("optimizer: fused against the config's word", "if fused or (fused is None and", "if (True and"),
    ]),
    *in_file("precision.py", "tests/test_precision.py", [
        ("precision: bf16 on GPUs that imitate it", "[0] >= AMPERE", "[0] >= 0"),
        ("precision: the flags of Linux are not read", "and not CPU_FLAGS.isdisjoint(", "and CPU_FLAGS.isdisjoint("),
        ("precision: what is asked for is not taken", 'if wanted != "auto":', 'if wanted == "fp16":'),
    ]),
    *in_file("engine/devices.py", "tests/test_precision.py", [
        ("devices: benchmark in evaluations", "    torch.backends.cudnn.benchmark = False\n", ""),
        ("devices: benchmark where deterministic", "settings.cudnn_benchmark and not settings.deterministic",
         "settings.cudnn_benchmark"),
        ("devices: channels last without tensor cores", "settings.precision, settings.tf32)",
         "settings.precision, True)"),
    ]),
    *in_file("engine/checkpoint.py", "tests/engine/test_checkpoint.py", [
        ("checkpoints: not forced to the disk", "os.fsync(file.fileno())", "pass"),
        ("checkpoints: written in place", 'partial = path.with_name(f".{path.name}.partial")', "partial = path"),
        ("checkpoints: the oldest first", "*reversed(numbered_checkpoints(work_dir))]",
         "*numbered_checkpoints(work_dir)]"),
        ("checkpoints: last.pt last", "[*([last] if last.exists() else []), *reversed(numbered_checkpoints(work_dir))]",
         "[*reversed(numbered_checkpoints(work_dir)), *([last] if last.exists() else [])]"),
    ]),
    *in_file("engine/work_dir.py", "tests/engine/test_work_dir.py -k on_windows", [
        ("work dir: the text of the lock is locked", "BEHIND_THE_TEXT, os.SEEK_SET", "0, os.SEEK_SET"),
        ("work dir: a lock that is taken is free", "except OSError:\n        return False",
         "except OSError:\n        return True"),
    ]),
    *in_file("evaluation/loop.py", "tests/evaluation/test_loop.py", [
        ("evaluation: training mode", "model.eval()\n", "model.train()\n"),
        ("evaluation: the mode is not restored", "model.train(was_training)", "pass"),
        ("evaluation: the first image's scores for all", "scores.of(slice(i, i + 1))", "scores.of(slice(0, 1))"),
        ("evaluation: at the size of the scores", "scores.classes(target.shape)[0]",
         "scores.classes(scores.own_size)[0]"),
    ]),
    *in_file("evaluation/loop.py", "tests/test_distributed.py -k 'scores_and_samples and 2'", [
        ("evaluation: a process's own images alone", "metric.merge(other)", "pass"),
    ]),
    *in_file("evaluation/evaluator.py", "tests/evaluation/test_loop.py -k two_sizes", [
        ("evaluation: each image alone", "lambda item: self.batch_size", "lambda item: 1"),
    ]),
    *in_file("evaluation/metrics.py", METRICS, [
        ("IoU: the union counts hits twice", "targets + predictions - hits", "targets + predictions"),
        ("metrics: ignored pixels count", "pairs[ignore_index] = 0", "pass"),
        ("metrics: precision is recall", '"Precision": ratio(hits, predictions, occurs)',
         '"Precision": ratio(hits, targets, occurs)'),
        ("metrics: absent classes are zero", "if absent == 0:", "if True:"),
        ("metrics: target and prediction change places", "target.numpy().astype(np.uint16).ravel()",
         "prediction.numpy().astype(np.uint16).ravel()"),
        ("metrics: the background counts", "values[..., 1:] if ignore_background else values", "values"),
        ("metrics: merged by replacing", "self.counts += other.counts", "self.counts = other.counts"),
    ]),
    *in_file("evaluation/boundary_iou.py", METRICS, [
        ("boundary IoU: the edge of the image is no border", "side[:] = True", "pass"),
        ("boundary IoU: half as wide", "self.dilation_ratio * float(", "0.5 * self.dilation_ratio * float("),
        ("boundary IoU: ignored pixels make borders", "np.where(ignored, 255, labels)", "labels"),
    ]),
    *in_file("evaluation/image_iou.py", METRICS, [
        ("image IoU: images without classes count", "if value == value:",
         "value = 0 if value != value else value\n        if True:"),
    ]),
    *in_file("evaluation/calibration.py", METRICS, [
        ("calibration: bins hold their lower edge", "np.ceil(sure * np.float32(self.bins)).astype(np.intp) - 1",
         "np.floor(sure * np.float32(self.bins)).clip(0, self.bins - 1).astype(np.intp)"),
        ("calibration: signed", "np.abs(correct - steps / ONE)", "(correct - steps / ONE)"),
    ]),
    *in_file("evaluation/score_table.py", "tests/evaluation/test_score_table.py", [
        ("score table: metrics of one number are left out", "((), (metric,))", "((), ())"),
    ]),
    *in_file("evaluation/predictor.py", "tests/evaluation/test_predictor.py", [
        ("predictor: the val pipeline is left out", "sample = self.pipeline(sample, random.Random(0))",
         "sample = dict(sample)"),
        ("predictor: training mode", "self.opened.model.eval().to(self.device)",
         "self.opened.model.train().to(self.device)"),
        ("predictor: the test section is left out", 'test = dict(self.opened.config.get("test") or {})', "test = {}"),
    ]),
    *in_file("evaluation/open_model.py", "tests/interop/mmseg/test_read.py -k numbers", [
        ("names: an import without them does not open", ' or "num_classes" in own', ""),
    ]),
    *in_file("weights/loading.py", "tests/weights/test_fit.py tests/weights/test_loading.py", [
        ("weights: another model's pass", "if not is_allowed:", "if False:"),
        ("weights: spoilt numbers pass", "if spoilt:", "if False:"),
    ]),
    *in_file("weights/fit.py", "tests/weights/test_fit.py", [
        ("fit: parts that begin alike are one", 'name.startswith(f"{part}.")', "name.startswith(part)"),
        ("fit: tensors of a mixed module are grouped", "if module not in mixed", "if True"),
    ]),
    *in_file("evaluation/open_model.py", "tests/evaluation/test_open_model.py", [
        ("open: a checkpoint imports what it names", "if name not in sys.modules", "if False"),
        ("open: classes in any order", "!= [*map(plain_name, classes)]", "!= sorted(map(plain_name, theirs))"),
        ("open: the user's model in place of another library's", "config is not None and not saved.stands_alone",
         "config is not None"),
        ("open: defaults replace the model's test mode", "if says_more_than_defaults(config.get(\"test\") or {})",
         "if config.get(\"test\")"),
    ]),
    *in_file("evaluation/pretrained_folder.py", "tests/evaluation/test_pretrained_folder.py", [
        ("publish: images are not prepared", '"pipeline": list(pipeline)', '"pipeline": []'),
        ("publish: whole images", '"test": dict(config.get("test") or {})', '"test": {}'),
        ("publish: files of others are replaced", "    claim((folder / name", "    list((folder / name"),
    ]),
    *in_file("interop/saved.py", "tests/interop/test_saved.py", [
        ("saved: the score of another step", 'state.get("highest_step") == content.get("step")', "True"),
        ("saved: mean and std of another library are lost", "{**stated, **model.weights}", "model.weights"),
    ]),
    *in_file("models/class_rows.py", "tests/models/test_class_rows.py", [
        ("class rows: as numbered", "ids[name], i) for", "i, i) for"),
        ("class rows: new ones are the file's", "result = own.detach().clone()", "result = value.detach().clone()"),
        ("class rows: binary heads move", "if builder.is_binary or dimensions is None", "if dimensions is None"),
        ("class rows: one dimension only", "    return grown if is_clean", "    return grown[:1] if is_clean"),
        ("class rows: case counts", "name.casefold()", "name"),
    ]),
    *in_file("distributed.py", "tests/test_distributed.py -k 'joined_batch or counts_for_the_other'", [
        ("processes: sums for means", "return values / world_size()", "return values"),
        ("processes: gradients of shared sums", "return gradient * world_size()", "return gradient"),
    ]),
    *in_file("evaluation/records.py", "tests/evaluation/test_records.py", [
        ("records: pixels of the labels by their guess", "np.add.at(targets, (number, target), pixels)",
         "np.add.at(targets, (number, guess), pixels)"),
        ("records: all pixels hit", "is_hit = target == guess", "is_hit = target >= 0"),
        ("records: one image wins", "total[target, guess] += pixels", "total[target, guess] = pixels"),
        ("records: any format is read", "if content[KEY] != FORMAT:", "if False:"),
    ]),
    *in_file("evaluation/evaluator.py", "tests/evaluation/test_records.py", [
        ("records: images in the order of processes",
         "sorted(metric.matrix.images, key=lambda image: (image.path, image.pairs.tobytes()))", "metric.matrix.images"),
    ]),
    *in_file("evaluation/uncertainty.py", "tests/evaluation/test_uncertainty.py", [
        ("bootstrap: limits of 90 %", "PERCENTILES = (2.5, 97.5)", "PERCENTILES = (5, 95)"),
        ("bootstrap: half as many images drawn", "random.multinomial(images, np.full(images, 1 / images), size=size)",
         "random.multinomial(max(1, images // 2), np.full(images, 1 / images), size=size)"),
        ("bootstrap: other resamples for b", "resampled(a, of_b, resamples, seed) -",
         "resampled(a, of_b, resamples, seed + 1) -"),
        ("bootstrap: any difference is shown", "return self.low > 0 or self.high < 0",
         "return self.low >= 0 or self.high < 0"),
    ]),
    *in_file("evaluation/metrics.py", "tests/evaluation/test_records.py", [
        ("records: merged images are lost", "self.images += other.images", "pass"),
    ]),
    *in_file("evaluation/matching.py", "tests/evaluation/test_matching.py", [
        ("matching: images by their place in the list", "images=[its[key] for key in order]",
         "images=list(its.values())[:len(order)]"),
        ("matching: guesses keep their numbers", "number[pairs[:, 0]], number[pairs[:, 1]]",
         "number[pairs[:, 0]], pairs[:, 1]"),
        ("matching: other labels pass", "if (a != b).any():", "if a.sum() != b.sum():"),
    ]),
    *in_file("report/compare.py", "tests/report/test_compare.py", [
        ("compare: any two runs are repeats", "return without_seed(a.config) == without_seed(b.config)",
         "return True"),
        ("compare: ways to evaluate do not count", "a.evaluation.protocol != b.evaluation.protocol:", "False:"),
        ("compare: worse is better", "own.value > 0 else 'worse'", "own.value < 0 else 'worse'"),
    ]),
    *in_file("engine/without_effect.py", "tests/engine/test_without_effect.py", [
        ("void settings: a warm-up as long as the run", "max_steps <= sum(",
         "max_steps < sum("),
        ("void settings: defaults are told", "!= _plain(default)", "is not None"),
    ]),
    *in_file("engine/time_budget.py", "tests/engine/test_time_budget.py", [
        ("void settings: nothing with --time", "if is_first else ()", "if False else ()"),
    ]),
    *in_file("viz/first_batch.py", "tests/viz/test_first_batch.py", [
        ("first batch: all are drawn", "if not number:", "if True:"),
        ("first batch: an error ends the run", "except Exception as error", "except KeyError as error"),
    ]),
]  # fmt: skip
